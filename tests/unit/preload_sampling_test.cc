// The mathematics of sampling: distances, weights, and what they add up to.
#include <gtest/gtest.h>

#include <cfenv>
#include <cmath>
#include <random>
#include <vector>

#include "capture/sampling.h"
#include "format/format.h"

namespace mla {
namespace {

TEST(Sampling, LogarithmAndExponentialAreThoseOfLibm) {
  for (double x = 1e-12; x < 1e12; x *= 1.37) {
    EXPECT_NEAR(natural_log(x), std::log(x), 1e-9 * std::max(1.0, std::abs(std::log(x)))) << x;
  }
  for (double x = 1e-12; x < 100; x *= 1.37) {
    EXPECT_NEAR(one_minus_exp_of_minus(x), -std::expm1(-x), -1e-9 * std::expm1(-x)) << x;
  }
  EXPECT_EQ(one_minus_exp_of_minus(0), 0);
  EXPECT_EQ(one_minus_exp_of_minus(1e9), 1);
}

TEST(Sampling, DistancesAreExponential) {
  SampleRandom random(1);
  constexpr double kInterval = 1 << 19;
  constexpr int kDraws = 400'000;
  double sum = 0;
  int beyond = 0;
  for (int i = 0; i < kDraws; ++i) {
    const auto d = static_cast<double>(draw_distance(random, 1 << 19));
    sum += d;
    beyond += d > kInterval * 2 ? 1 : 0;
  }
  // Six standard errors: the mean's is kInterval / sqrt(n), that of the share sqrt(p (1 - p) / n).
  EXPECT_NEAR(sum / kDraws / kInterval, 1, 6 / std::sqrt(kDraws));
  const double share = std::exp(-2.0);
  EXPECT_NEAR(1.0 * beyond / kDraws, share, 6 * std::sqrt(share * (1 - share) / kDraws));
}

// Allocations of mixed sizes, sampled as the hooks do. What the samples stand for has to be the
// truth within its own standard error, and that interval has to hold as often as it says.
class Estimates {
 public:
  Estimates(uint64_t interval, uint64_t seed) : random_(seed), interval_(interval) {
    countdown_ = draw_distance(random_, interval_);
  }
  void allocate(uint64_t bytes) {
    true_bytes += static_cast<double>(bytes);
    true_blocks += 1;
    countdown_ -= static_cast<int64_t>(bytes);
    if (countdown_ >= 0) return;
    countdown_ = draw_distance(random_, interval_);
    const SampleWeight weight = weigh(random_, bytes, interval_);
    bytes_ += static_cast<double>(weight.bytes);
    blocks += weight.blocks;
    variance_ += static_cast<double>(weight.variance) * format::kVarianceUnit;
  }
  double error_in_bytes() const { return bytes_ - true_bytes; }
  double standard_error() const { return std::sqrt(variance_); }
  double true_bytes = 0;
  double true_blocks = 0;
  double blocks = 0;

 private:
  SampleRandom random_;
  uint64_t interval_;
  int64_t countdown_;
  double bytes_ = 0;
  double variance_ = 0;
};

TEST(Sampling, EstimatesAreUnbiasedAndKnowTheirError) {
  // Sizes as real programs ask for them: many small, few large, some above the interval.
  const std::vector<uint64_t> sizes = {1,   8,   16,  24,   32,     48,     64,
                                       100, 256, 700, 4096, 20'000, 300'000};
  const std::vector<double> share = {1, 4, 20, 20, 20, 15, 15, 10, 6, 4, 2, 0.5, 0.1};
  constexpr int kRuns = 600;
  constexpr int kAllocations = 6'000;
  constexpr uint64_t kInterval = 32 * 1024;
  double bias = 0;
  double blocks = 0;
  double true_blocks = 0;
  double total = 0;
  int within = 0;
  for (int run = 0; run < kRuns; ++run) {
    std::mt19937_64 generator(run);
    std::discrete_distribution<size_t> pick(share.begin(), share.end());
    Estimates estimates(kInterval, 0x9e3779b97f4a7c15ULL * (run + 1));
    for (int i = 0; i < kAllocations; ++i) estimates.allocate(sizes[pick(generator)]);
    bias += estimates.error_in_bytes();
    total += estimates.true_bytes;
    blocks += estimates.blocks;
    true_blocks += estimates.true_blocks;
    within += std::abs(estimates.error_in_bytes()) < 1.96 * estimates.standard_error() ? 1 : 0;
  }
  RecordProperty("bias_percent", std::to_string(100 * bias / total));
  RecordProperty("coverage_percent", std::to_string(100.0 * within / kRuns));
  EXPECT_NEAR(bias / total, 0, 0.02);
  EXPECT_NEAR(blocks / true_blocks, 1, 0.2);  // tiny blocks: one sample stands for thousands
  // 95 % of 600, give or take five standard errors (0.9 % each).
  EXPECT_GT(within, 0.905 * kRuns);
  EXPECT_LT(within, 0.995 * kRuns);
}

TEST(Sampling, LargeBlocksAreTakenAsTheyAre) {
  SampleRandom random(1);
  const SampleWeight weight = weigh(random, 1 << 30, 1 << 16);
  EXPECT_EQ(weight.bytes, 1U << 30);
  EXPECT_EQ(weight.blocks, 1U);
  EXPECT_EQ(weight.variance, 0U);
}

TEST(Sampling, FloatingPointStateOfTheHostIsKept) {
  SampleRandom random(1);
  std::feclearexcept(FE_ALL_EXCEPT);
  std::fesetround(FE_UPWARD);
  weigh(random, 77, 1 << 19);
  draw_distance(random, 1 << 19);
  EXPECT_EQ(std::fetestexcept(FE_ALL_EXCEPT), 0);
  EXPECT_EQ(std::fegetround(), FE_UPWARD);
  std::fesetround(FE_TONEAREST);
}

}  // namespace
}  // namespace mla
