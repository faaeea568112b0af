#include <gtest/gtest.h>

#include "series/growth.h"

namespace mla {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;
constexpr uint64_t kMiB = 1024 * 1024;

SiteHistory history(uint32_t site, std::vector<SiteHistoryPoint> points) {
  return {.site_index = site, .points = std::move(points)};
}

TEST(SiteGrowth, RateAndGrowthLargestFirst) {
  Snapshot snapshot;
  snapshot.history = {
      history(0, {{kSecond, 1000, 1}, {2 * kSecond, 900, 1}}),
      history(1, {{kSecond, 0, 0}, {2 * kSecond, 500, 5}, {5 * kSecond, 2000, 20}}),
      history(2, {{kSecond, 7, 1}}),
      history(3, {{kSecond, 7, 1}, {kSecond, 8, 1}}),
  };
  const std::vector<SiteGrowth> growth = site_growth(snapshot);
  ASSERT_EQ(growth.size(), 2U);
  EXPECT_EQ(growth[0].site_index, 1U);
  EXPECT_DOUBLE_EQ(growth[0].rate_Bps, 500);
  EXPECT_EQ(growth[0].growth_bytes, 2000);
  EXPECT_EQ(growth[0].first_ns, kSecond);
  EXPECT_EQ(growth[0].last_ns, 5 * kSecond);
  EXPECT_EQ(growth[0].points, 3U);
  EXPECT_EQ(growth[1].growth_bytes, -100);
  EXPECT_DOUBLE_EQ(growth[1].rate_Bps, -100);
}

TEST(GrowthAfterStart, EndsBeforeTheEndFreesIt) {
  Snapshot snapshot;
  snapshot.last_ns = 40 * kSecond;
  snapshot.sites.resize(5);  // live now: nothing
  snapshot.sites[2].first_seen_ns = 20 * kSecond;
  snapshot.sites[3].first_seen_ns = 5 * kSecond;
  snapshot.history = {
      history(0, {{kSecond, 10, 1}, {10 * kSecond, 100, 1}, {39 * kSecond, 9000, 9}}),
      history(1, {{kSecond, 10, 1}, {9 * kSecond, 100, 1}}),
      history(2, {{30 * kSecond, 700, 1}}),
      history(3, {{30 * kSecond, 700, 1}}),
  };
  const GrowthSpan span = growth_span(snapshot);
  EXPECT_EQ(span.from_ns, 10 * kSecond);
  EXPECT_EQ(span.to_ns, 39 * kSecond);
  EXPECT_EQ(
      growth_after_start(snapshot),
      (std::vector<std::optional<int64_t>>{8900, std::nullopt, 700, std::nullopt, std::nullopt}));
  snapshot.history.clear();
  EXPECT_EQ(growth_span(snapshot).to_ns, 40 * kSecond);
}

TEST(LiveMibOnGrid, InterpolatesUnevenPoints) {
  Snapshot snapshot;
  for (const uint64_t second : {1, 2, 9}) {
    TimelinePoint point;
    point.t_ns = second * kSecond;
    point.live_bytes = (second - 1) * kMiB;
    point.mapped_bytes = kMiB;
    snapshot.timeline.push_back(point);
  }
  const std::vector<double> grid = live_mib_on_grid(snapshot);
  ASSERT_EQ(grid.size(), 3U);
  EXPECT_DOUBLE_EQ(grid[0], 1);
  EXPECT_DOUBLE_EQ(grid[1], 5);  // at 5 s, between the points at 2 s and 9 s
  EXPECT_DOUBLE_EQ(grid[2], 9);
}

TEST(LiveMibOnGrid, NeedsTwoMoments) {
  Snapshot snapshot;
  EXPECT_TRUE(live_mib_on_grid(snapshot).empty());
  snapshot.timeline.resize(2);
  EXPECT_TRUE(live_mib_on_grid(snapshot).empty());
}

}  // namespace
}  // namespace mla
