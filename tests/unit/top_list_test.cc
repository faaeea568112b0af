// The list of mla top with its cursor, growth of call sites, and how often something is done.
#include <gtest/gtest.h>

#include "top/growth_log.h"
#include "top/pace.h"
#include "top/site_list.h"

namespace mla {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;

std::vector<SiteList::Entry> sites(std::vector<uint32_t> ids) {
  std::vector<SiteList::Entry> result;
  for (const uint32_t id : ids) result.push_back({id + 100, id});
  return result;
}

std::vector<uint32_t> ids_of(const std::vector<ListItem>& items) {
  std::vector<uint32_t> ids;
  ids.reserve(items.size());
  for (const ListItem& item : items) ids.push_back(item.id);
  return ids;
}

TEST(SiteList, IsEmpty) {
  SiteList list;
  list.move(1);
  list.move_to_end();
  EXPECT_EQ(list.selected(), nullptr);
  EXPECT_TRUE(list.window(5).empty());
  list.set({});
  EXPECT_EQ(list.selected(), nullptr);
}

TEST(SiteList, TheCursorStaysOnItsSiteAndItsRow) {
  SiteList list;
  list.set(sites({1, 2, 3, 4, 5, 6}));
  list.move(4);
  EXPECT_EQ(ids_of(list.window(3)), (std::vector<uint32_t>{3, 4, 5}));
  list.set(sites({5, 1, 2, 3, 4, 6}));
  EXPECT_EQ(list.selected()->id, 5U);
  EXPECT_EQ(list.window(3).front().id, 5U);  // nothing is above it to keep it in its row
  list.set(sites({1, 2, 3, 6, 5, 4}));
  EXPECT_EQ(list.selected()->id, 5U);
  EXPECT_EQ(list.selected()->index, 105U);
  EXPECT_EQ(ids_of(list.window(2)), (std::vector<uint32_t>{5, 4}));  // in the row it had
}

TEST(SiteList, AtTheTopTheCursorStaysAtTheTop) {
  SiteList list;
  list.set(sites({1, 2, 3}));
  list.set(sites({3, 2, 1}));
  EXPECT_EQ(list.selected()->id, 3U);
}

TEST(SiteList, ASiteThatIsGoneLeavesTheCursorInTheList) {
  SiteList list;
  list.set(sites({1, 2, 3}));
  list.move_to_end();
  list.set(sites({1}));
  EXPECT_EQ(list.selected()->id, 1U);
  list.set({});
  EXPECT_EQ(list.selected(), nullptr);
}

TEST(SiteList, StacksUnfoldBelowTheirSite) {
  SiteList list;
  list.set(sites({1, 2, 3}));
  list.move(1);
  list.expand(2, 3);
  EXPECT_EQ(list.size(), 6U);
  EXPECT_EQ(list.selected()->frame, 0U);
  list.move(2);
  EXPECT_EQ(list.selected()->id, 2U);
  EXPECT_EQ(list.selected()->frame, 2U);
  list.set(sites({3, 1, 2}));
  EXPECT_EQ(list.selected()->id, 2U);
  EXPECT_EQ(list.selected()->frame, 2U);
  list.expand(2, 0);
  EXPECT_EQ(list.size(), 3U);
  EXPECT_EQ(list.selected()->id, 2U);
}

TEST(SiteList, ScrollsNoFurtherThanNeeded) {
  SiteList list;
  list.set(sites({1, 2, 3, 4, 5}));
  EXPECT_EQ(ids_of(list.window(2)), (std::vector<uint32_t>{1, 2}));
  list.move(2);
  EXPECT_EQ(ids_of(list.window(2)), (std::vector<uint32_t>{2, 3}));
  list.move(-1);
  EXPECT_EQ(ids_of(list.window(2)), (std::vector<uint32_t>{2, 3}));
  list.move_to_end();
  EXPECT_EQ(ids_of(list.window(4)), (std::vector<uint32_t>{2, 3, 4, 5}));
  EXPECT_EQ(list.window(9).size(), 5U);  // a larger screen leaves no gap
  EXPECT_TRUE(list.window(0).empty());
}

Snapshot snapshot_of(std::vector<Site> sites, uint64_t last_ns) {
  Snapshot snapshot;
  snapshot.sites = std::move(sites);
  snapshot.last_ns = last_ns;
  return snapshot;
}

Site site(uint32_t id, uint64_t live, uint64_t first_seen_ns = 0) {
  Site result;
  result.id = id;
  result.live_bytes = live;
  result.first_seen_ns = first_seen_ns;
  return result;
}

TEST(GrowthLog, BeginsInTheMiddleOfTheRecording) {
  Snapshot s = snapshot_of({site(7, 900), site(3, 500, 60 * kSecond), site(5, 100)}, 100 * kSecond);
  s.history = {{0, {{20 * kSecond, 200, 1}, {45 * kSecond, 400, 1}, {90 * kSecond, 800, 1}}}};
  GrowthLog log;
  log.begin(s);
  log.add(s, 100 * kSecond);
  EXPECT_EQ(log.since_ns(), 50 * kSecond);
  EXPECT_EQ(log.growth(s.sites[0]), 500);  // by its history
  EXPECT_EQ(log.growth(s.sites[1]), 500);  // it came later
  EXPECT_EQ(log.growth(s.sites[2]), 0);    // nothing is known
  EXPECT_EQ(log.rate(s.sites[0]), 500.0 / 50 * 3600);
}

TEST(GrowthLog, TheRateIsOfTheLastMinute) {
  GrowthLog log;
  log.begin(snapshot_of({site(1, 0)}, 0));
  Snapshot s;
  for (uint64_t t = 0; t <= 200; t += 5) {
    s = snapshot_of({site(1, t < 100 ? 0 : (t - 100) * 10)}, t * kSecond);
    log.add(s, t * kSecond);
  }
  EXPECT_EQ(log.growth(s.sites[0]), 1000);
  EXPECT_EQ(log.rate_seconds(), 60);
  EXPECT_EQ(log.rate(s.sites[0]), 10.0 * 3600);
  log.restart(s);
  EXPECT_EQ(log.growth(s.sites[0]), 0);
  EXPECT_EQ(log.rate(s.sites[0]), std::nullopt);
}

TEST(GrowthLog, SitesThatShrinkAndSitesThatAreNew) {
  GrowthLog log;
  log.begin(snapshot_of({site(1, 500)}, 0));
  const Snapshot s = snapshot_of({site(1, 100), site(9, 50)}, 3600 * kSecond);
  log.add(s, 3600 * kSecond);
  EXPECT_EQ(log.growth(s.sites[0]), -400);
  EXPECT_EQ(log.rate(s.sites[0]), -400);
  EXPECT_EQ(log.growth(s.sites[1]), 50);
}

TEST(Pace, WhatIsDearIsDoneSeldom) {
  Pace pace(1, 0.04);
  EXPECT_TRUE(pace.is_due(0));
  pace.done(10, 0.001);
  EXPECT_FALSE(pace.is_due(10.9));
  EXPECT_TRUE(pace.is_due(11));
  pace.done(11, 0.4);
  EXPECT_FALSE(pace.is_due(20.9));
  EXPECT_TRUE(pace.is_due(21.1));
}

}  // namespace
}  // namespace mla
