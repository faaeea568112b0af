#include "verdict/site_rule.h"

#include <gtest/gtest.h>

#include "site_families.h"
#include "verdict/process_verdict.h"

namespace mla {
namespace {

constexpr uint64_t kRun = 3'200'000'000'000;  // ns; 32 cohorts of 100 s

// So many recorded survivors of 100 bytes in each cohort.
template <class Survivors>
SiteCohorts site_with(Survivors survivors) {
  SiteCohorts site;
  for (uint64_t i = 0; i < 32; ++i) {
    Cohort c;
    c.from_active_ns = c.from_ns = kRun / 32 * i;
    c.to_active_ns = c.to_ns = kRun / 32 * (i + 1);
    c.live = c.recorded = survivors(i);
    c.live_bytes = 100 * c.live;
    c.allocated = 50;
    site.cohorts.push_back(c);
  }
  return site;
}

TEST(SiteRule, BlocksThatStayAreALeak) {
  const SiteCohorts site = site_with([](uint64_t) { return 10; });
  const SiteRuling ruling = site_ruling(site, kRun, 800);
  EXPECT_EQ(ruling.verdict, VerdictClass::kLeak);
  EXPECT_LT(ruling.p_value, 1e-6);
  EXPECT_NEAR(ruling.rate.value, 10 * 100 * 36, 1);  // each 100 s
  EXPECT_LT(ruling.rate.low, ruling.rate.value);
  EXPECT_EQ(cohort_strip(site, ruling),
            "of 400 allocated in minute 0-13.3, 80 live; of 400 allocated in minute 13.3-26.7, 80 "
            "live; of 400 allocated in minute 26.7-40, 80 live; of 400 allocated in minute "
            "40-53.3, 80 live; no free older than 3.33 minutes");
}

TEST(SiteRule, WhatWasBornEarlyIsBounded) {
  EXPECT_EQ(site_ruling(site_with([](uint64_t i) { return i < 12 ? 50 : 1; }), kRun, 800).verdict,
            VerdictClass::kBounded);
  EXPECT_EQ(site_ruling(site_with([](uint64_t i) { return i < 22 ? 50 : 0; }), kRun, 800).verdict,
            VerdictClass::kBounded);
}

TEST(SiteRule, OldBlocksThatDieAreNone) {
  SiteCohorts site = site_with([](uint64_t i) { return i < 16 ? 0 : 50; });
  site.deaths[1] = 800;
  EXPECT_EQ(site_ruling(site, kRun, 800).verdict, VerdictClass::kStable);
  site.deaths[1] = 0;
  site.deaths[5] = 100'000;  // young ones: garbage of the same call site
  EXPECT_EQ(site_ruling(site, kRun, 800).verdict, VerdictClass::kLeak);
}

TEST(SiteRule, EverFewerBlocksStillGrow) {
  const auto site = site_with([](uint64_t i) { return 100 * 16 / (i + 8); });
  EXPECT_EQ(site_ruling(site, kRun, 800).verdict, VerdictClass::kGrowing);
}

TEST(SiteRule, SlowWorkIsNoSlowerLeak) {
  const auto site = site_with([](uint64_t i) { return i < 22 ? 50 : 25; });
  EXPECT_EQ(site_ruling(site, kRun, 1600).verdict, VerdictClass::kGrowing);
  const auto half_as_fast_at_last = [](uint64_t t_ns) {
    const double part = static_cast<double>(t_ns) / kRun;
    return (part < 22.0 / 32 ? part : 11.0 / 32 + part / 2) / (11.0 / 32 + 0.5);
  };
  EXPECT_EQ(site_ruling(site, kRun, 1600, half_as_fast_at_last).verdict, VerdictClass::kLeak);
}

TEST(SiteRule, TooFewToSay) {
  EXPECT_EQ(site_ruling({}, kRun, 800).verdict, VerdictClass::kInsufficient);
  const auto few = site_with([](uint64_t i) { return i % 4 == 0; });
  EXPECT_EQ(site_ruling(few, kRun, 800).verdict, VerdictClass::kInsufficient);
  // The site was watched from just before the end only.
  SiteCohorts late = site_with([](uint64_t) { return 1; });
  late.since_active_ns = kRun / 16 * 15;
  EXPECT_EQ(site_ruling(late, kRun, 800).verdict, VerdictClass::kInsufficient);
  EXPECT_EQ(site_ruling(late, kRun, 0).verdict, VerdictClass::kLeak);  // none was ever freed
}

TEST(SiteRule, OneAnswerOfCohortsAndHistory) {
  Snapshot snapshot;
  snapshot.sites.resize(2);
  snapshot.sites[0].freed_count = snapshot.sites[1].freed_count = 800;
  snapshot.census.active_ns = kRun;
  for (const uint64_t survivors : {10, 40}) {
    snapshot.census.sites.push_back(site_with([&](uint64_t) { return survivors; }));
    snapshot.census.sites.back().site_index = static_cast<uint32_t>(survivors / 40);
  }
  const ProcessVerdict found = process_verdict(snapshot);
  ASSERT_EQ(found.sites.size(), 2U);
  EXPECT_EQ(found.sites[0].site_index, 1U);
  EXPECT_EQ(found.sites[0].verdict.verdict, VerdictClass::kLeak);
  EXPECT_NEAR(found.sites[0].growth_share, 0.8, 1e-9);
  ASSERT_TRUE(found.sites[1].cohorts);
  EXPECT_EQ(*found.sites[1].cohorts, 0U);
}

// Through the table of cohorts itself; the whole table of scores is in docs/verdict.md.
TEST(SiteRule, FindsTheLeaksAmongTheSitesOfProcesses) {
  size_t leaks = 0;
  size_t found = 0;
  size_t false_alarms = 0;
  for (uint64_t i = 0; i < 80; ++i) {
    const SimulatedProcess process = simulate_process(7, i);
    Snapshot snapshot;
    snapshot.census = process.census;
    snapshot.sites.resize(process.sites.size());
    for (size_t s = 0; s < process.sites.size(); ++s) {
      snapshot.sites[s].freed_count = process.sites[s].freed;
    }
    for (const SimulatedSite& site : process.sites) {
      leaks += site_families()[site.family].truth == SiteTruth::kLeaks;
    }
    for (const SiteVerdict& site : site_verdicts(snapshot)) {
      if (site.verdict.verdict != VerdictClass::kLeak) continue;
      const SiteTruth truth = site_families()[process.sites[site.site_index].family].truth;
      found += truth == SiteTruth::kLeaks;
      false_alarms += truth == SiteTruth::kHealthy;
    }
  }
  EXPECT_GT(leaks, 60U);
  EXPECT_GE(found * 100, leaks * 93);
  EXPECT_LE(false_alarms * 100, found * 5);
}

}  // namespace
}  // namespace mla
