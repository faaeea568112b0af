#include "verdict/process_verdict.h"

#include <gtest/gtest.h>

#include <cmath>

namespace mla {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;

// Deterministic noise in [-1, 1].
double noise(uint64_t i) { return std::sin(static_cast<double>(i * i % 1009) * 1.7); }

// A point a second; live bytes of the heap grow by `rate` a second.
Snapshot recording(size_t seconds, double rate) {
  Snapshot snapshot;
  for (size_t i = 0; i < seconds; ++i) {
    TimelinePoint point;
    point.t_ns = (i + 1) * kSecond;
    point.live_bytes = static_cast<uint64_t>(50e6 + rate * static_cast<double>(i) + 2e4 * noise(i));
    point.mapped_bytes = 1000;
    point.rss_bytes = point.live_bytes + 10'000'000;
    point.alloc_count = 100 * i;
    point.alloc_bytes = 5000 * i;
    snapshot.timeline.push_back(point);
  }
  return snapshot;
}

void add_site(Snapshot& snapshot, double rate) {
  const auto site = static_cast<uint32_t>(snapshot.sites.size());
  snapshot.sites.emplace_back();
  SiteHistory history{.site_index = site, .points = {}};
  for (uint64_t i = 0; i < 30; ++i) {
    const double bytes =
        1e6 + rate * static_cast<double>(10 * i) + 1e3 * noise(31 * (site + 1) + i);
    history.points.push_back({(10 * i + 1) * kSecond, static_cast<uint64_t>(bytes), 1});
  }
  snapshot.history.push_back(history);
}

TEST(LiveSeries, HeapAndMappingsWithoutTheIdleEnd) {
  Snapshot snapshot = recording(100, 1000);
  for (size_t i = 60; i < 100; ++i) snapshot.timeline[i].alloc_count = 5900;
  snapshot.timeline[5].t_ns = snapshot.timeline[4].t_ns;
  const LiveSeries series = live_series(snapshot);
  ASSERT_EQ(series.t_s.size(), 59U);
  EXPECT_EQ(series.t_s.back(), 60);
  EXPECT_EQ(series.live_bytes[0], static_cast<double>(snapshot.timeline[0].live_bytes + 1000));
  EXPECT_EQ(series.rss_bytes.size(), series.t_s.size());
  snapshot.timeline[7].rss_bytes = 0;
  EXPECT_TRUE(live_series(snapshot).rss_bytes.empty());
  EXPECT_TRUE(live_series(Snapshot{}).t_s.empty());
}

TEST(ProcessVerdict, LeakAndItsSites) {
  Snapshot snapshot = recording(300, 5000);
  add_site(snapshot, 0);
  add_site(snapshot, 1000);
  add_site(snapshot, 4000);
  const ProcessVerdict found = process_verdict(snapshot);
  EXPECT_EQ(found.process.verdict, VerdictClass::kLeak);
  EXPECT_NEAR(found.process.rate.value, 5000 * 3600, 5000 * 36);
  ASSERT_EQ(found.sites.size(), 2U);
  EXPECT_EQ(found.sites[0].site_index, 2U);
  EXPECT_EQ(found.sites[1].site_index, 1U);
  EXPECT_EQ(found.sites[1].verdict.verdict, VerdictClass::kLeak);
  EXPECT_NEAR(found.sites[0].growth_share, 0.8, 0.02);
}

TEST(ProcessVerdict, LeakOfSitesWithShortHistories) {
  Snapshot snapshot = recording(300, 5000);
  add_site(snapshot, 1000);
  add_site(snapshot, 4000);
  add_site(snapshot, -1000);
  for (SiteHistory& history : snapshot.history) {  // three moments far apart
    history.points = {history.points[1], history.points[15], history.points[28]};
  }
  const ProcessVerdict found = process_verdict(snapshot);
  EXPECT_EQ(found.process.verdict, VerdictClass::kLeak);
  ASSERT_EQ(found.sites.size(), 2U) << "what shrank is no place to look at";
  EXPECT_EQ(found.sites[0].site_index, 1U);
  EXPECT_EQ(found.sites[0].verdict.verdict, VerdictClass::kInsufficient);
  EXPECT_NEAR(found.sites[0].verdict.rate.value, 4000 * 3600, 4000 * 36);
  EXPECT_EQ(found.sites[1].site_index, 0U);
}

TEST(ProcessVerdict, MemoryKeptFromTheStart) {
  Snapshot snapshot = recording(300, 0);
  for (TimelinePoint& point : snapshot.timeline) {
    point.rss_bytes = 300'000'000;
    point.anon_bytes = 290'000'000;
  }
  EXPECT_EQ(process_verdict(snapshot).process.verdict, VerdictClass::kRetention);
  for (TimelinePoint& point : snapshot.timeline) point.anon_bytes = 150'000'000;
  EXPECT_EQ(process_verdict(snapshot).process.verdict, VerdictClass::kStable);
}

TEST(ProcessVerdict, MemoryKeptAndTooFewSamplesForMore) {
  Snapshot snapshot = recording(8, 0);
  for (TimelinePoint& point : snapshot.timeline) point.anon_bytes = 290'000'000;
  const SeriesVerdict found = process_verdict(snapshot).process;
  EXPECT_EQ(found.verdict, VerdictClass::kRetention);
  EXPECT_TRUE(std::isinf(found.detectable_bytes_per_hour)) << "a leak is not excluded";
}

TEST(ProcessVerdict, ToleratedRate) {
  Snapshot snapshot = recording(300, 5000);
  VerdictOptions options;
  options.tolerance_bytes_per_hour = 1e9;
  EXPECT_EQ(process_verdict(snapshot, options).process.verdict, VerdictClass::kStable);
  EXPECT_TRUE(process_verdict(snapshot, options).process.tolerated);
  // What grows, if tolerably, is not said to be what the allocator keeps.
  for (TimelinePoint& point : snapshot.timeline) point.anon_bytes = 290'000'000;
  EXPECT_EQ(process_verdict(snapshot, options).process.verdict, VerdictClass::kStable);
}

TEST(ProcessVerdict, NothingRecorded) {
  EXPECT_EQ(process_verdict(Snapshot{}).process.verdict, VerdictClass::kInsufficient);
  // Samples of three moments only.
  Snapshot snapshot = recording(30, 0);
  for (size_t i = 0; i < 30; ++i) {
    snapshot.timeline[i].t_ns = (i / 10) * 1000 * kSecond + i + 1;
  }
  EXPECT_EQ(process_verdict(snapshot).process.verdict, VerdictClass::kInsufficient);
}

TEST(DiscoveryThreshold, BenjaminiHochberg) {
  // The example of their paper, table 1: four rejections at 5 %.
  const std::vector<double> p{0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344,
                              0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0};
  EXPECT_EQ(discovery_threshold(p, 0.05), 0.0095);
  EXPECT_LT(discovery_threshold({0.9, 0.8}, 0.05), 0);
  EXPECT_LT(discovery_threshold({}, 0.05), 0);
}

}  // namespace
}  // namespace mla
