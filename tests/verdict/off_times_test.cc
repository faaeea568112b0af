// Verdicts on recordings that were switched off for a while.
#include "verdict/off_times.h"

#include <gtest/gtest.h>

#include <cmath>

#include "verdict/busy_window.h"

namespace mla {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;
constexpr double kMiB = 1 << 20;

double noise(uint64_t i) { return std::sin(static_cast<double>(i * i % 1009) * 1.7); }

struct Case {
  uint64_t seconds = 400;
  uint64_t off_from = 0;  // 0: never
  uint64_t off_to = 0;    // 0: off to the end
  double leak = 0;        // bytes a second
  uint64_t leak_from = 0;
  uint64_t leak_to = ~uint64_t{0};
  double start = 20 * kMiB;
};

// A point a second. What is allocated while recording is off is resident, and not known.
Snapshot recording(const Case& run) {
  Snapshot snapshot;
  double live = run.start;
  double resident = live + 10 * kMiB;
  uint64_t allocations = 0;
  for (uint64_t i = 1; i <= run.seconds; ++i) {
    const bool off = run.off_from != 0 && i > run.off_from && (run.off_to == 0 || i <= run.off_to);
    const double more = i > run.leak_from && i <= run.leak_to ? run.leak : 0;
    resident += more;
    live += off ? 0 : more;
    allocations += off ? 0 : 100;
    TimelinePoint point;
    point.t_ns = i * kSecond;
    point.live_bytes = static_cast<uint64_t>(live + 2e4 * noise(i));
    point.anon_bytes = static_cast<uint64_t>(resident + 2e4 * noise(i));
    point.rss_bytes = point.anon_bytes + 5'000'000;
    point.alloc_count = allocations;
    point.alloc_bytes = 50 * allocations;
    snapshot.timeline.push_back(point);
  }
  snapshot.last_ns = run.seconds * kSecond;
  snapshot.sampling.off_first_ns = snapshot.sampling.off_begin_ns = run.off_from * kSecond;
  snapshot.sampling.off_end_ns = run.off_to * kSecond;
  return snapshot;
}

VerdictClass verdict_of(const Snapshot& snapshot) {
  return process_verdict(snapshot).process.verdict;
}

TEST(KnownStretch, OfARecordingThatWasOff) {
  const auto stretch = [](const Case& run) {
    const WorkWindow known = known_stretch(recording(run));
    return std::pair(known.begin_ns / kSecond, known.end_ns / kSecond);
  };
  EXPECT_EQ(stretch({.seconds = 100}), std::pair(uint64_t{0}, uint64_t{100}));
  EXPECT_EQ(stretch({.seconds = 100, .off_from = 20, .off_to = 50}),
            std::pair(uint64_t{50}, uint64_t{100}));
  EXPECT_EQ(stretch({.seconds = 100, .off_from = 20}), std::pair(uint64_t{0}, uint64_t{20}));
  Snapshot again = recording({.seconds = 100, .off_from = 60});
  again.sampling.off_first_ns = 20 * kSecond;
  again.sampling.off_end_ns = 30 * kSecond;
  EXPECT_TRUE(again.sampling.is_off());
  EXPECT_EQ(known_stretch(again).end_ns, 0U);
  EXPECT_EQ(verdict_of(again), VerdictClass::kInsufficient);
}

TEST(OffTimes, OnlyWhatCameAfterIsJudged) {
  const Snapshot stable = recording({.off_from = 20, .off_to = 60});
  EXPECT_EQ(verdict_of(stable), VerdictClass::kStable);
  EXPECT_GE(process_verdict(stable).series.t_s.front(), 60);
  const Snapshot leak = recording({.off_from = 20, .off_to = 60, .leak = 1e6});
  EXPECT_EQ(verdict_of(leak), VerdictClass::kLeak);
  const Snapshot shortly = recording({.seconds = 62, .off_from = 3, .off_to = 60, .leak = 1e6});
  const SeriesVerdict open = process_verdict(shortly).process;
  EXPECT_EQ(open.verdict, VerdictClass::kInsufficient);
  EXPECT_NE(open.reason.find("only what came after"), std::string::npos) << open.reason;
}

// It leaked while nobody saw, and no more: that is no retention, and not stable.
TEST(OffTimes, WhatCameToBeResidentMeanwhileIsNotExcluded) {
  const Case unseen{.seconds = 400,
                    .off_from = 100,
                    .off_to = 300,
                    .leak = 1e6,
                    .leak_from = 100,
                    .leak_to = 300};
  const SeriesVerdict open = process_verdict(recording(unseen)).process;
  EXPECT_EQ(open.verdict, VerdictClass::kInsufficient) << open.reason;
  EXPECT_FALSE(open.more_hours) << "more of the same does not say what these bytes are";
  Case longer = unseen;
  longer.seconds = 700;
  EXPECT_EQ(verdict_of(recording(longer)), VerdictClass::kStable)
      << "as much time after it as before: a leak would go on";
  Case never = unseen;
  never.off_from = never.off_to = 0;
  EXPECT_NE(verdict_of(recording(never)), VerdictClass::kInsufficient);
}

TEST(OffTimes, RetentionMayBeUnknownBlocks) {
  const Case run{.off_from = 1, .off_to = 2, .start = 8 * kMiB};
  Snapshot grows = recording(run);
  for (TimelinePoint& point : grows.timeline) {
    point.anon_bytes += point.t_ns / 1000;  // 1 MB a second
    point.rss_bytes += point.t_ns / 1000;
  }
  EXPECT_EQ(verdict_of(grows), VerdictClass::kInsufficient);
  grows.sampling = {};
  EXPECT_EQ(verdict_of(grows), VerdictClass::kRetention);
}

// Known blocks take the place of unknown ones that are freed: what is alive only seems to grow.
TEST(OffTimes, GrowthThatIsNotResidentIsOpen) {
  Snapshot snapshot = recording({.off_from = 1, .off_to = 2, .leak = 1e5});
  EXPECT_EQ(verdict_of(snapshot), VerdictClass::kLeak);
  for (TimelinePoint& point : snapshot.timeline) {
    point.anon_bytes = 100'000'000;
    point.rss_bytes = 105'000'000;
  }
  EXPECT_EQ(verdict_of(snapshot), VerdictClass::kInsufficient);
  snapshot.sampling = {};
  EXPECT_EQ(verdict_of(snapshot), VerdictClass::kLeak);
}

TEST(OffTimes, WhileItIsOffOnlyALeakOfBeforeIsSaid) {
  const SeriesVerdict open = process_verdict(recording({.off_from = 300})).process;
  EXPECT_EQ(open.verdict, VerdictClass::kInsufficient);
  EXPECT_NE(open.reason.find("recording is off"), std::string::npos) << open.reason;
  const SeriesVerdict leak =
      process_verdict(recording({.off_from = 300, .leak = 1e6, .leak_to = 300})).process;
  EXPECT_EQ(leak.verdict, VerdictClass::kLeak);
  EXPECT_NE(leak.reason.find("before recording was switched off"), std::string::npos);
}

}  // namespace
}  // namespace mla
