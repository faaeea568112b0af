// Which allocations are samples when the interval changes while the program runs.
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "capture/sampler.h"
#include "segment/control.h"

namespace mla {
namespace {

class SamplerTest : public testing::Test {
 protected:
  SamplerTest() { set_mode(Mode::kRecording); }
  ~SamplerTest() override {
    segment.unmap();
    set_mode(Mode::kUnset);
  }
  void SetUp() override { ASSERT_TRUE(segment.open_private()); }

  void begin(uint64_t interval) {
    Settings settings;
    settings.sample_interval = settings.finest_interval = interval;
    start_sampling(settings);
    thread_local_state.countdown = 0;
  }
  static void ask_for(uint64_t interval) {
    segment.header().requested_interval.store(interval);
    adjust_sampling(1);
  }
  // As the hook does it.
  void allocate(uint64_t bytes) {
    truth_ += static_cast<double>(bytes);
    thread_local_state.countdown -= static_cast<int64_t>(bytes);
    if (thread_local_state.countdown >= 0) return;
    SampleWeight weight;
    if (!is_sample(shard_, bytes, weight)) return;
    estimate_ += static_cast<double>(weight.bytes);
    variance_ += static_cast<double>(weight.variance) * format::kVarianceUnit;
  }
  double error_in_sigmas() const { return (estimate_ - truth_) / std::sqrt(variance_); }

  Shard shard_{};
  double truth_ = 0;
  double estimate_ = 0;
  double variance_ = 0;
};

TEST_F(SamplerTest, EstimatesHaveNoBiasOverManyChanges) {
  shard_.random = SampleRandom(20200329);
  begin(64 * 1024);
  std::mt19937 random(1);
  for (int round = 0; round < 4000; ++round) {
    ask_for(1024ULL << random() % 10);
    for (int i = 0; i < 200; ++i) allocate(16 + random() % 4096);
  }
  // To draw anew at the end of a distance, instead of counting it, is 28 sigmas off here.
  EXPECT_LT(std::abs(error_in_sigmas()), 4.5) << estimate_ / truth_;
}

TEST_F(SamplerTest, NothingIsSampledWhileItIsOff) {
  begin(4096);
  for (int i = 0; i < 1000; ++i) allocate(100);
  EXPECT_GT(estimate_, 0);
  ask_for(format::kOffInterval);
  estimate_ = 0;
  for (int i = 0; i < 100'000; ++i) allocate(1000);
  EXPECT_EQ(estimate_, 0);
  // The thread looks every MiB whether that has changed; from there on the estimate is right.
  ask_for(4096);
  while (estimate_ == 0) allocate(1000);
  truth_ = estimate_ = variance_ = 0;
  for (int i = 0; i < 100'000; ++i) allocate(1000);
  EXPECT_LT(std::abs(error_in_sigmas()), 4.5) << estimate_ / truth_;
}

TEST_F(SamplerTest, TheHeaderSaysWhenItWasOff) {
  format::SegmentHeader& h = segment.header();
  begin(4096);
  ask_for(8192);
  EXPECT_EQ(h.off_first_ns | h.off_begin_ns | h.off_end_ns, 0U);
  ask_for(format::kOffInterval);
  const uint64_t first = h.off_first_ns;
  EXPECT_GT(first, 0U);
  EXPECT_LE(first, segment.since_start_ns());
  EXPECT_EQ(h.off_begin_ns, first);
  EXPECT_EQ(h.off_end_ns, 0U);
  ask_for(format::kOffInterval);
  EXPECT_EQ(h.off_begin_ns, first) << "it was off already";
  ask_for(format::kExactInterval);
  const uint64_t end = h.off_end_ns;
  EXPECT_GT(end, first);
  ask_for(4096);
  EXPECT_EQ(h.off_end_ns, end);
  ask_for(format::kOffInterval);
  EXPECT_EQ(h.off_first_ns, first);
  EXPECT_GT(h.off_begin_ns, end);
  EXPECT_EQ(h.off_end_ns, end) << "not above the begin: it is off";
  ask_for(format::kExactInterval);
  EXPECT_GT(h.off_end_ns, h.off_begin_ns);
}

TEST_F(SamplerTest, ForkedChildOfAProcessThatIsOffIsOffFromItsStart) {
  begin(format::kOffInterval);
  EXPECT_GT(segment.header().off_first_ns, 0U);
  segment.unmap();
  ASSERT_TRUE(segment.open_private());
  EXPECT_EQ(segment.header().off_first_ns, 0U);
  reset_sampler_after_fork();
  EXPECT_GT(segment.header().off_first_ns, 0U);
  EXPECT_EQ(segment.header().off_begin_ns, segment.header().off_first_ns);
  ask_for(format::kExactInterval);
}

}  // namespace
}  // namespace mla
