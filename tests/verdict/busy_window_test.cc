// When a process was at work, and verdicts over the work done.
#include "verdict/busy_window.h"

#include <gtest/gtest.h>

#include <cmath>

#include "verdict/process_verdict.h"

namespace mla {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;

struct Phase {
  size_t seconds;
  uint64_t allocations;  // a second
  double growth = 0;     // bytes an allocation
};

Snapshot recording(const std::vector<Phase>& phases) {
  Snapshot snapshot;
  TimelinePoint point;
  double live = 50e6;
  for (const Phase& phase : phases) {
    for (size_t i = 0; i < phase.seconds; ++i) {
      point.t_ns += kSecond;
      point.alloc_count += phase.allocations;
      point.alloc_bytes += 50 * phase.allocations;
      live += phase.growth * static_cast<double>(phase.allocations);
      const double noise = 500 * std::sin(static_cast<double>(point.t_ns / kSecond * 7 % 101));
      point.live_bytes = static_cast<uint64_t>(live + noise);
      point.rss_bytes = point.live_bytes + 5'000'000;
      snapshot.timeline.push_back(point);
    }
  }
  snapshot.last_ns = point.t_ns;
  return snapshot;
}

void expect_window(const std::vector<Phase>& phases, uint64_t begin_s, uint64_t end_s) {
  const WorkWindow window = work_window(recording(phases));
  EXPECT_EQ(window.begin_ns / kSecond, begin_s);
  EXPECT_EQ(window.end_ns / kSecond, end_s);
}

TEST(WorkWindow, IdleEndsAreLeftOut) {
  expect_window({{100, 1000}}, 1, 100);
  expect_window({{100, 1000}, {50, 0}}, 1, 100);
  expect_window({{2, 5000}, {60, 0}, {100, 1000}}, 62, 162);  // start-up, pause, load
  expect_window({{60, 0}, {100, 1000}}, 60, 160);
  expect_window({{100, 1000}, {60, 0}, {100, 1000}}, 160, 259);  // the latter half
  expect_window({{100, 1000}, {60, 0}, {20, 1000}}, 1, 180);     // too little after it
  expect_window({{50, 1000}, {10, 0}, {50, 1000}}, 1, 110);      // too short a pause
  EXPECT_EQ(work_window(Snapshot{}).end_ns, 0U);
}

TEST(LiveVerdict, LeakUnderLoadAfterAPause) {
  const Snapshot snapshot = recording({{2, 5000}, {200, 0}, {100, 1000, 5}});
  const ProcessVerdict found = process_verdict(snapshot);
  EXPECT_EQ(found.process.verdict, VerdictClass::kLeak);
  EXPECT_NEAR(found.process.rate.value, 5000 * 3600, 5000 * 72);
}

TEST(LiveVerdict, AJobThatGrowsWithTimeAloneIsNoLeak) {
  // Ever faster work, ever less growth for it: over time a straight line.
  Snapshot snapshot;
  for (uint64_t i = 1; i <= 100; ++i) {
    TimelinePoint point;
    point.t_ns = i * kSecond;
    point.live_bytes = 50'000'000 + i * 20'000 + i * 7919 % 400;
    point.alloc_count = i * i * i;
    point.alloc_bytes = 50 * point.alloc_count;
    snapshot.timeline.push_back(point);
  }
  const ProcessVerdict found = process_verdict(snapshot);
  EXPECT_EQ(found.process.verdict, VerdictClass::kInsufficient);
  EXPECT_NE(found.process.reason.find("work"), std::string::npos);

  for (TimelinePoint& point : snapshot.timeline) point.t_ns *= 60;  // for hours
  EXPECT_EQ(process_verdict(snapshot).process.verdict, VerdictClass::kLeak);
}

TEST(LiveVerdict, UnevenSpeedHidesNoLeak) {
  std::vector<Phase> phases;
  for (const uint64_t speed : {900, 100, 500, 50, 700, 30, 300, 800, 60, 400}) {
    phases.push_back({3, speed, 16});
  }
  EXPECT_EQ(process_verdict(recording(phases)).process.verdict, VerdictClass::kLeak);
}

TEST(LiveVerdict, AnIdleProcessIsToldToWork) {
  const Snapshot snapshot = recording({{5, 1000}, {100, 0}});
  const SeriesVerdict found = process_verdict(snapshot).process;
  EXPECT_EQ(found.verdict, VerdictClass::kInsufficient);
  EXPECT_NE(found.reason.find("under load"), std::string::npos);
  EXPECT_FALSE(found.more_hours.has_value());
}

}  // namespace
}  // namespace mla
