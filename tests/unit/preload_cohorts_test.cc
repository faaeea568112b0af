// Birth labels, their bytes in the live map, and the table of cohorts on a clock of its own.
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <memory>
#include <thread>
#include <vector>

#include "capture/cohort_table.h"
#include "capture/live_map.h"
#include "capture/sample_table.h"

namespace mla {
namespace {

using format::birth_label;
using format::birth_label_start;
using format::CohortRecord;
using format::SiteId;

constexpr uintptr_t kBase = 0x7f0000400000;
constexpr uint64_t kUnit = 1ULL << format::kBirthUnitBits;

TEST(BirthLabel, AscendsWithoutGaps) {
  EXPECT_EQ(birth_label(0), 0U);
  EXPECT_EQ(birth_label(kUnit - 1), 0U);
  EXPECT_EQ(birth_label(kUnit), 1U);
  for (uint32_t label = 0; label < format::kMostLabel; ++label) {
    EXPECT_EQ(birth_label(birth_label_start(label)), label);
    EXPECT_EQ(birth_label(birth_label_start(label + 1) - 1), label);
    EXPECT_LT(birth_label_start(label), birth_label_start(label + 1));
  }
  EXPECT_EQ(birth_label(~uint64_t{0}), format::kMostLabel);
}

TEST(BirthLabel, EightAnOctaveAndYearsOfThem) {
  for (uint64_t t = kUnit * 8; t < uint64_t{1} << 55; t *= 2) {
    EXPECT_EQ(birth_label(2 * t), birth_label(t) + 8);
  }
  EXPECT_GT(birth_label_start(format::kMostLabel), 780ULL * 86'400 * 1'000'000'000);
}

LiveMap& fresh_map(uint32_t spacing) {
  static std::vector<std::unique_ptr<LiveMap>> maps;
  maps.push_back(std::make_unique<LiveMap>());
  maps.back()->configure(spacing);
  return *maps.back();
}

std::map<uint32_t, uint32_t> labels_by_site(const LiveMap& map) {
  std::map<uint32_t, uint32_t> found;
  LiveMap::Scan scan;
  scan.begin();
  while (!scan.step(map, 1, [&](const LiveBlock& b) { found[format::index(b.site)] = b.label; })) {
  }
  return found;
}

TEST(LiveMapLabels, EveryWayInAndOut) {
  for (const uint32_t spacing : {16U, 32U}) {
    LiveMap& map = fresh_map(spacing);
    map.set_birth_label(9);
    LiveBlock stale;
    LiveBlock block = {SiteId{5}, 100, 0};
    block.label = 7;
    ASSERT_TRUE(map.insert(kBase, block, stale));
    ASSERT_TRUE(map.insert_plain(kBase + 64, SiteId{6}, 300, 0));
    block.site = SiteId{8};
    block.bytes = LiveMap::kMostBytes;
    block.label = 255;
    ASSERT_TRUE(map.insert(kBase + (1 << 22) - spacing, block, stale));
    block = {SiteId{9}, 4, 0};
    block.label = 3;
    ASSERT_TRUE(map.insert(kBase + (uintptr_t{5} << 34) + 8, block, stale));
    const std::map<uint32_t, uint32_t> expected = {{5, 7}, {6, 9}, {8, 255}, {9, 3}};
    EXPECT_EQ(labels_by_site(map), expected);
    EXPECT_EQ(map.take(kBase).label, 7);
    EXPECT_EQ(map.take(kBase + 64).label, 9);
    EXPECT_EQ(labels_by_site(map).size(), 2U);
  }
}

TEST(LiveMapLabels, ScanAmongThreadsThatAllocateAndFree) {
  LiveMap& map = fresh_map(16);
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (uint32_t t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      const uintptr_t base = kBase + (uintptr_t{t} << 21);
      LiveBlock stale;
      for (uint32_t i = 0; i < 1000; ++i) {  // these stay
        EXPECT_TRUE(map.insert(base + 4096 * 64 + i * 32, {SiteId{100 + t}, 20, 0}, stale));
      }
      for (uint32_t i = 0; !stop.load(); ++i) {
        const uintptr_t address = base + (i % 512) * 64;
        if (!map.insert_plain(address, SiteId{2 + t}, i % 500, 0)) {
          EXPECT_TRUE(map.insert(address, {SiteId{2 + t}, 1, 0}, stale));
        }
        map.set_birth_label(static_cast<uint8_t>(i >> 10));
        EXPECT_NE(map.take(address).site, SiteId::kNone);
      }
    });
  }
  std::map<uint32_t, uint32_t> found;
  for (int round = 0; round < 20 || found[100] < 1000 || found[101] < 1000 || found[102] < 1000;
       ++round) {
    found.clear();
    LiveMap::Scan scan;
    scan.begin();
    while (!scan.step(map, 3, [&](const LiveBlock& b) { ++found[format::index(b.site)]; })) {
    }
  }
  stop = true;
  for (std::thread& t : threads) t.join();
  for (uint32_t t = 0; t < 3; ++t) {
    EXPECT_EQ(found[100 + t], 1000U);
    EXPECT_LE(found[2 + t], 1U);  // one at a time
  }
}

TEST(SampleTableLabels, ScanAmongThreadsThatAllocateAndFree) {
  const auto table = std::make_unique<SampleTable>();
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (uint32_t t = 0; t < 2; ++t) {
    threads.emplace_back([&, t] {
      for (uint32_t i = 0; !stop.load(); ++i) {
        const uintptr_t address = kBase + (i % 64) * 128 + t * 64;
        SampledBlock stale;
        EXPECT_TRUE(table->insert(
            {address, SiteId{t + 2}, 0, {64, 1, 2}, BlockKind::kHeap, uint8_t(t + 1)}, stale));
        EXPECT_EQ(table->take(address, BlockKind::kHeap).label, t + 1);
      }
    });
  }
  for (int round = 0; round < 200; ++round) {
    table->for_each([](const SampledBlock& b) {
      EXPECT_TRUE(b.label == 1 || b.label == 2);
      EXPECT_EQ(b.weight.bytes, 64U);
    });
  }
  stop = true;
  for (std::thread& t : threads) t.join();
}

struct Block {
  uint32_t site;
  uint64_t birth_ns;
  uint64_t death_ns;
};

// Takes a census at each label up to `end_ns`, and returns what is written then.
std::map<uint32_t, CohortRecord> records_at(CohortTable& table, const std::vector<Block>& blocks,
                                            uint64_t end_ns) {
  const auto census = [&](uint64_t now) {
    ASSERT_TRUE(table.begin(now, 5000));
    for (const Block& b : blocks) {
      if (b.birth_ns > now) continue;
      table.add_allocated(b.site, 1);
      if (b.death_ns > now) table.add_survivor(b.site, birth_label(b.birth_ns), 1, 10);
    }
    table.end();
  };
  for (uint32_t l = 8; birth_label_start(l) < end_ns; ++l) census(birth_label_start(l));
  census(end_ns);
  std::map<uint32_t, CohortRecord> records;
  EXPECT_EQ(table.write([&](const CohortRecord& r) { records[r.site] = r; }), 0U);
  return records;
}

CohortTable& fresh_table() {
  static std::vector<std::unique_ptr<CohortTable>> tables;
  tables.push_back(std::make_unique<CohortTable>());
  return *tables.back();
}

TEST(CohortTable, CountsWhoIsLeftOfEachLabel) {
  constexpr uint64_t kSecond = 1'000'000'000;
  constexpr uint64_t kNever = ~uint64_t{0};
  std::vector<Block> blocks;
  for (uint64_t t = 0; t < 100 * kSecond; t += kSecond / 4) {
    blocks.push_back({2, t, kNever});                            // stay
    blocks.push_back({3, t, t + 40 * kSecond});                  // die at 40 s
    blocks.push_back({4, t, t + kSecond / 100});                 // garbage
    blocks.push_back({5, t, t < 2 * kSecond ? kNever : t + 1});  // of the start alone
  }
  CohortTable& table = fresh_table();
  const auto records = records_at(table, blocks, 100 * kSecond);
  ASSERT_TRUE(records.contains(2));
  EXPECT_FALSE(records.contains(4));
  EXPECT_FALSE(records.contains(5));
  const CohortRecord& stay = records.at(2);
  uint64_t live = stay.older.live;
  uint64_t allocated = stay.older.allocated;
  for (const format::CohortCell& cell : stay.cell) {
    live += cell.live;
    allocated += cell.allocated;
    EXPECT_EQ(cell.live, cell.recorded);
    EXPECT_EQ(cell.live_bytes, 10U * cell.live);
    EXPECT_NEAR(cell.allocated, cell.live, 2);  // all of them live; shared out over the labels
  }
  EXPECT_EQ(live, 400U);
  EXPECT_EQ(allocated, 400U);
  for (const uint32_t deaths : stay.deaths) EXPECT_EQ(deaths, 0U);
  // 60 s of births died, at 40 s of 100 s, but those before the site had a row.
  ASSERT_TRUE(records.contains(3));
  const CohortRecord& die = records.at(3);
  EXPECT_NEAR(die.deaths[0] + die.deaths[1] + die.deaths[2], 240, 16);
  EXPECT_EQ(die.older.live, 0U);
}

TEST(CohortTable, AfterAResetNothingIsKnown) {
  CohortTable& table = fresh_table();
  std::vector<Block> blocks;
  for (uint64_t t = 0; t < 400; ++t) blocks.push_back({2, t * kUnit, ~uint64_t{0}});
  EXPECT_EQ(records_at(table, blocks, 400 * kUnit).size(), 1U);
  table.reset();
  EXPECT_TRUE(records_at(table, {}, 400 * kUnit).empty());
  table.reset();
  EXPECT_EQ(records_at(table, blocks, 400 * kUnit).size(), 1U);
}

TEST(CohortTable, OfTooManySitesThoseWithTheMostSurvivors) {
  CohortTable& table = fresh_table();
  std::vector<Block> blocks;
  for (uint32_t site = 2; site < 2502; ++site) {
    const uint64_t every = site < 502 ? 8 : 32;
    for (uint64_t t = site % 8; t < 512; t += every) {
      blocks.push_back({site, t * kUnit, ~uint64_t{0}});
    }
  }
  ASSERT_TRUE(table.begin(512 * kUnit, 3000));
  for (const Block& b : blocks) table.add_survivor(b.site, birth_label(b.birth_ns), 1, 10);
  table.end();
  ASSERT_TRUE(table.begin(520 * kUnit, 3000));
  for (const Block& b : blocks) table.add_survivor(b.site, birth_label(b.birth_ns), 1, 10);
  table.end();
  std::map<uint32_t, uint32_t> written;
  const uint32_t left_out = table.write([&](const CohortRecord& r) { ++written[r.site]; });
  EXPECT_GT(left_out, 0U);
  EXPECT_EQ(written.size(), 500U);
  EXPECT_TRUE(written.contains(501));
}

}  // namespace
}  // namespace mla
