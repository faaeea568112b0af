// Suppressed call sites taken out of a verdict.
#include "verdict/suppressed.h"

#include <gtest/gtest.h>

#include <cmath>

namespace mla {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;
constexpr size_t kSeconds = 300;
constexpr uint64_t kEvery = 10;  // seconds between two moments of the history

double noise(uint64_t i) { return std::sin(static_cast<double>(i * i % 1009) * 1.7); }

// Call sites that grow by so many bytes a second, and 50 MB that are no site's.
Snapshot recording(const std::vector<double>& rates) {
  Snapshot snapshot;
  snapshot.history.resize(rates.size());
  snapshot.sites.resize(rates.size());
  for (size_t site = 0; site < rates.size(); ++site) {
    snapshot.history[site].site_index = static_cast<uint32_t>(site);
  }
  for (size_t i = 0; i < kSeconds; ++i) {
    TimelinePoint point;
    point.t_ns = (i + 1) * kSecond;
    point.alloc_count = 100 * i;
    point.alloc_bytes = 5000 * i;
    double live = 50e6 + 2e3 * noise(i);
    for (size_t site = 0; site < rates.size(); ++site) {
      const double bytes = 1e6 + rates[site] * static_cast<double>(i) + 1e3 * noise(31 * site + i);
      live += bytes;
      if (i % kEvery != 0) continue;
      snapshot.history[site].points.push_back({point.t_ns, static_cast<uint64_t>(bytes), 1});
    }
    point.live_bytes = static_cast<uint64_t>(live);
    point.rss_bytes = point.live_bytes + 10'000'000;
    snapshot.timeline.push_back(point);
  }
  return snapshot;
}

TEST(Suppressed, AllLeaksLeaveNone) {
  const Snapshot snapshot = recording({5000, 0});
  ProcessVerdict found = process_verdict(snapshot);
  ASSERT_EQ(found.process.verdict, VerdictClass::kLeak);
  const SuppressedGrowth growth = leave_out(snapshot, {true, false}, {}, found);
  EXPECT_EQ(found.process.verdict, VerdictClass::kStable);
  EXPECT_TRUE(growth.judged_rest);
  EXPECT_NEAR(growth.growth_share, 1, 0.02);
  EXPECT_TRUE(found.sites.empty());
}

TEST(Suppressed, PartOfTheGrowthLeavesTheRest) {
  const Snapshot snapshot = recording({5000, 2000, 0});
  ProcessVerdict found = process_verdict(snapshot);
  const SuppressedGrowth growth = leave_out(snapshot, {true, false, false}, {}, found);
  EXPECT_EQ(found.process.verdict, VerdictClass::kLeak);
  EXPECT_NEAR(found.process.rate.value, 2000 * 3600, 2000 * 36);
  EXPECT_NEAR(growth.growth_share, 5.0 / 7, 0.02);
  ASSERT_EQ(found.sites.size(), 1U);
  EXPECT_EQ(found.sites[0].site_index, 1U);
}

TEST(Suppressed, OtherSitesChangeNothing) {
  const Snapshot snapshot = recording({5000, 0});
  ProcessVerdict found = process_verdict(snapshot);
  const double rate = found.process.rate.value;
  EXPECT_FALSE(leave_out(snapshot, {false, false}, {}, found).judged_rest);
  EXPECT_EQ(found.process.rate.value, rate);
  EXPECT_EQ(found.sites.size(), 1U);
}

TEST(Suppressed, StableProcessIsJudgedByAllItsSamples) {
  const Snapshot snapshot = recording({0, 0});
  ProcessVerdict found = process_verdict(snapshot);
  ASSERT_EQ(found.process.verdict, VerdictClass::kStable);
  leave_out(snapshot, {true, true}, {}, found);
  EXPECT_EQ(found.process.samples, kSeconds - 1);
}

TEST(Suppressed, ShortHistoryExplainsAllOrNothing) {
  Snapshot snapshot = recording({5000, 0});
  for (SiteHistory& history : snapshot.history) {
    history.points = {history.points.front(), history.points.back()};
  }
  ProcessVerdict found = process_verdict(snapshot);
  leave_out(snapshot, {true, false}, {}, found);
  EXPECT_EQ(found.process.verdict, VerdictClass::kStable);
  EXPECT_NE(found.process.reason.find("explain"), std::string::npos);

  snapshot = recording({5000, 2000});
  for (SiteHistory& history : snapshot.history) {
    history.points = {history.points.front(), history.points.back()};
  }
  found = process_verdict(snapshot);
  leave_out(snapshot, {true, false}, {}, found);
  EXPECT_EQ(found.process.verdict, VerdictClass::kInsufficient);
}

}  // namespace
}  // namespace mla
