#include <gtest/gtest.h>

#include <memory>
#include <thread>
#include <vector>

#include "capture/live_map.h"

namespace mla {
namespace {

using format::SiteId;

constexpr uintptr_t kBase = 0x7f0000400000;

LiveBlock block(uint32_t site, uint64_t bytes, uint32_t generation = 0) {
  return {SiteId{site}, bytes, generation};
}

// The map is large; one that never goes away, as in the process.
LiveMap& fresh_map(uint32_t smallest_spacing = 16) {
  static std::vector<std::unique_ptr<LiveMap>> maps;
  maps.push_back(std::make_unique<LiveMap>());
  maps.back()->configure(smallest_spacing);
  return *maps.back();
}

void insert(LiveMap& map, uintptr_t address, const LiveBlock& b) {
  LiveBlock stale;
  ASSERT_TRUE(map.insert(address, b, stale));
  EXPECT_EQ(stale.site, SiteId::kNone);
}

void expect_block(const LiveBlock& b, uint32_t site, uint64_t bytes, uint32_t generation = 0) {
  EXPECT_EQ(b.site, SiteId{site});
  EXPECT_EQ(b.bytes, bytes);
  EXPECT_EQ(b.generation, generation);
}

TEST(LiveMap, KeepsABlockUntilItIsTaken) {
  for (const uint32_t spacing : {16U, 32U}) {
    LiveMap& map = fresh_map(spacing);
    // Where the encoding of the size changes; the last slot of a leaf, too.
    for (const uintptr_t at : {kBase, kBase + (1 << 22) - spacing}) {
      for (const uint64_t bytes : {0UL, 1UL, 8UL, 9UL, 127UL, 128UL, 4096UL, (1UL << 19) - 1,
                                   1UL << 19, (1UL << 34) + 5, LiveMap::kMostBytes}) {
        insert(map, at, block(7, bytes, 3));
        expect_block(map.find(at), 7, bytes, 3);
        expect_block(map.take(at), 7, bytes, 3);
        EXPECT_EQ(map.find(at).site, SiteId::kNone);
        EXPECT_EQ(map.take(at).site, SiteId::kNone);
        for (uint32_t i = 0; i < 4; ++i) insert(map, at + i * spacing, block(1, 1));  // all empty
        for (uint32_t i = 0; i < 4; ++i) expect_block(map.take(at + i * spacing), 1, 1);
      }
    }
  }
}

TEST(LiveMap, HoldsTheLargestSiteAndCutsTheLargestSize) {
  LiveMap& map = fresh_map();
  const uint32_t site = format::shape(format::Table::kSites).max_records() - 1;
  insert(map, kBase, block(site, LiveMap::kMostBytes + 1, 7));
  expect_block(map.take(kBase), site, LiveMap::kMostBytes, 7);
  insert(map, kBase + 8, block(site, 8, 7));
  expect_block(map.take(kBase + 8), site, 8, 7);
}

TEST(LiveMap, ThePlainFormsAgreeWithTheOthers) {
  LiveMap& map = fresh_map(32);
  insert(map, kBase, block(1, 1));  // makes the leaf
  map.take(kBase);
  SiteId site = SiteId::kNone;
  uint64_t bytes = 0;
  EXPECT_FALSE(map.take_plain(kBase, 0, site, bytes));
  for (const uint64_t size : {0UL, 127UL, 128UL, (1UL << 19) - 1}) {
    ASSERT_TRUE(map.insert_plain(kBase, SiteId{3}, size, 2));
    EXPECT_FALSE(map.insert_plain(kBase, SiteId{4}, 1, 2));
    expect_block(map.find(kBase), 3, size, 2);
    EXPECT_FALSE(map.take_plain(kBase, 1, site, bytes));
    ASSERT_TRUE(map.take_plain(kBase, 2, site, bytes));
    EXPECT_EQ(site, SiteId{3});
    EXPECT_EQ(bytes, size);
    EXPECT_FALSE(map.insert_plain(kBase, SiteId{3}, 1UL << 19, 2));
    insert(map, kBase, block(3, 1UL << 19, 2));
    EXPECT_FALSE(map.take_plain(kBase, 2, site, bytes));
    expect_block(map.take(kBase), 3, 1UL << 19, 2);
  }
}

TEST(LiveMap, WhatIsLeftOfALargeBlockIsNoBlock) {
  for (const uint64_t bytes : {0xfff80UL, 0xfffffffff80UL}) {
    LiveMap& map = fresh_map();
    insert(map, kBase, block(5, bytes & LiveMap::kMostBytes));  // its free is missed
    for (uint32_t i = 1; i < 4; ++i) {
      SiteId site = SiteId::kNone;
      uint64_t ignored = 0;
      EXPECT_FALSE(map.take_plain(kBase + i * 16, 0, site, ignored));
      EXPECT_EQ(map.find(kBase + i * 16).site, SiteId::kNone);
      insert(map, kBase + i * 16, block(6, 10));
      expect_block(map.take(kBase + i * 16), 6, 10);
    }
  }
}

TEST(LiveMap, AMissedFreeTakesNoOtherBlockWithIt) {
  LiveMap& map = fresh_map();
  insert(map, kBase, block(5, 1000));      // its free is missed
  insert(map, kBase + 16, block(6, 100));  // begins where the size of the other continues
  LiveBlock stale;
  ASSERT_TRUE(map.insert(kBase, block(7, 16), stale));
  expect_block(stale, 5, 1000 % 128);
  expect_block(map.take(kBase), 7, 16);
  expect_block(map.take(kBase + 16), 6, 100);
}

TEST(LiveMap, NeighboursDoNotTouchEachOther) {
  LiveMap& map = fresh_map();
  for (uint32_t i = 0; i < 1000; ++i) insert(map, kBase + i * 16, block(i + 1, i % 17));
  for (uint32_t i = 0; i < 1000; i += 2) expect_block(map.take(kBase + i * 16), i + 1, i % 17);
  for (uint32_t i = 1; i < 1000; i += 2) expect_block(map.find(kBase + i * 16), i + 1, i % 17);
}

TEST(LiveMap, TwoTinyBlocksLieInSixteenBytes) {
  LiveMap& map = fresh_map();
  insert(map, kBase, block(5, 3, 1));
  insert(map, kBase + 8, block(6, 8, 2));
  expect_block(map.find(kBase), 5, 3, 1);
  expect_block(map.find(kBase + 8), 6, 8, 2);
  expect_block(map.take(kBase), 5, 3, 1);
  EXPECT_EQ(map.find(kBase).site, SiteId::kNone);
  expect_block(map.take(kBase + 8), 6, 8, 2);
  insert(map, kBase, block(9, 16));
  expect_block(map.take(kBase), 9, 16);
}

TEST(LiveMap, SaysWhatWasNeverFreed) {
  LiveMap& map = fresh_map();
  insert(map, kBase, block(5, 100));
  LiveBlock stale;
  ASSERT_TRUE(map.insert(kBase, block(6, 50), stale));
  expect_block(stale, 5, 100);
  ASSERT_TRUE(map.insert(kBase, block(7, 2), stale));
  expect_block(stale, 6, 50);
  stale = {};
  ASSERT_TRUE(map.insert(kBase + 8, block(8, 4), stale));
  EXPECT_EQ(stale.site, SiteId::kNone);
  ASSERT_TRUE(map.insert(kBase + 8, block(9, 5), stale));
  expect_block(stale, 8, 4);
  ASSERT_TRUE(map.insert(kBase, block(10, 16), stale));
  expect_block(stale, 7, 2);
  expect_block(map.take(kBase), 10, 16);
}

TEST(LiveMap, RefusesAddressesItDoesNotCover) {
  LiveMap& map = fresh_map();
  LiveBlock stale;
  EXPECT_FALSE(map.insert(LiveMap::kAddressLimit, block(1, 1), stale));
  EXPECT_EQ(map.take(LiveMap::kAddressLimit).site, SiteId::kNone);
  EXPECT_TRUE(map.insert(LiveMap::kAddressLimit - 16, block(1, 1), stale));
  EXPECT_TRUE(map.insert(16, block(1, 1), stale));
}

TEST(LiveMap, ForgetsGenerationsAndNothingElse) {
  LiveMap& map = fresh_map();
  insert(map, kBase, block(5, 100, 7));
  insert(map, kBase + 16, block(6, 3, 7));
  insert(map, kBase + 24, block(7, 4, 1));
  insert(map, kBase + (1 << 30), block(8, 4, 2));
  map.forget_generations();
  expect_block(map.take(kBase), 5, 100);
  expect_block(map.take(kBase + 16), 6, 3);
  expect_block(map.take(kBase + 24), 7, 4);
  expect_block(map.take(kBase + (1 << 30)), 8, 4);
}

TEST(LiveMap, KnowsItsResidentMemory) {
  LiveMap& map = fresh_map();
  EXPECT_EQ(map.resident_bytes(), 0U);
  insert(map, kBase, block(1, 100));
  EXPECT_EQ(map.resident_bytes(), 8192U);  // slots and labels
  // A page of slots covers 16 KiB of addresses.
  insert(map, kBase + 16384, block(1, 100));
  insert(map, kBase + 16384 + 64, block(1, 100));
  EXPECT_EQ(map.resident_bytes(), 12288U);
}

TEST(LiveMap, NeighboursBelongToDifferentThreads) {
  LiveMap& map = fresh_map();
  constexpr uint32_t kSlots = 16;
  constexpr uint32_t kRounds = 5000;
  const auto work = [&map](uint32_t which) {
    for (uint32_t round = 0; round < kRounds; ++round) {
      for (uint32_t i = 0; i < kSlots; ++i) {
        LiveBlock stale;
        if (!map.insert(kBase + i * 16 + which * 8, block(1 + which, i % 9), stale) ||
            stale.site != SiteId::kNone) {
          ADD_FAILURE() << "slot " << i << " was not empty";
        }
      }
      for (uint32_t i = 0; i < kSlots; ++i) {
        expect_block(map.take(kBase + i * 16 + which * 8), 1 + which, i % 9);
      }
    }
  };
  std::thread other(work, 1);
  work(0);
  other.join();
  for (uint32_t i = 0; i < kSlots; ++i) EXPECT_EQ(map.find(kBase + i * 16).site, SiteId::kNone);
}

TEST(LiveMap, ThreadsMakeTheSameLeavesAtTheSameTime) {
  LiveMap& map = fresh_map();
  constexpr uint32_t kThreads = 4;
  constexpr uint32_t kLeaves = 200;
  std::vector<std::thread> threads;
  for (uint32_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&map, t] {
      for (uint32_t i = 0; i < kLeaves; ++i) {
        LiveBlock stale;
        EXPECT_TRUE(map.insert(kBase + (uintptr_t{i} << 22) + t * 16, block(t + 1, 100), stale));
      }
    });
  }
  for (std::thread& t : threads) t.join();
  for (uint32_t i = 0; i < kLeaves; ++i) {
    for (uint32_t t = 0; t < kThreads; ++t) {
      expect_block(map.take(kBase + (uintptr_t{i} << 22) + t * 16), t + 1, 100);
    }
  }
}

}  // namespace
}  // namespace mla
