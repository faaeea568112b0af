// The table of sampled blocks: against a std::map, under churn and from several threads.
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "capture/sample_table.h"

namespace mla {
namespace {

SampledBlock block(uintptr_t address, uint32_t site) {
  return {address, format::SiteId{site}, 0, {address, 1, 2}};
}

TEST(SampleTable, AgreesWithAMapUnderChurn) {
  const auto table = std::make_unique<SampleTable>();
  std::map<uintptr_t, uint32_t> truth;
  std::mt19937_64 random(7);
  for (int i = 0; i < 200'000; ++i) {
    const uintptr_t address = 0x7f0000000000 + (random() % 5'000) * 16;
    if (random() % 2 == 0) {
      SampledBlock stale;
      ASSERT_TRUE(table->insert(block(address, i), stale));
      const auto known = truth.find(address);
      ASSERT_EQ(stale.address != 0, known != truth.end());
      if (known != truth.end()) {
        ASSERT_EQ(format::index(stale.site), known->second);
      }
      truth[address] = i;
    } else {
      const SampledBlock taken = table->take(address, BlockKind::kHeap);
      const auto known = truth.find(address);
      ASSERT_EQ(taken.address != 0, known != truth.end());
      if (known == truth.end()) continue;
      ASSERT_EQ(format::index(taken.site), known->second);
      truth.erase(known);
    }
  }
  for (const auto& [address, site] : truth) {
    ASSERT_TRUE(table->may_hold(address));
    const SampledBlock taken = table->take(address, BlockKind::kHeap);
    ASSERT_EQ(format::index(taken.site), site);
  }
}

TEST(SampleTable, PagesWithoutSamplesAreKnown) {
  const auto table = std::make_unique<SampleTable>();
  SampledBlock stale;
  EXPECT_FALSE(table->may_hold(0x7f0000001000));
  ASSERT_TRUE(table->insert(block(0x7f0000001010, 5), stale));
  EXPECT_TRUE(table->may_hold(0x7f0000001ff0));
  EXPECT_FALSE(table->may_hold(0x7f0000002000));
  EXPECT_FALSE(table->may_hold(SampleTable::kAddressLimit));
  EXPECT_EQ(table->take(0x7f0000001010, BlockKind::kHeap).address, 0x7f0000001010U);
  EXPECT_FALSE(table->may_hold(0x7f0000001ff0));
  EXPECT_FALSE(table->insert(block(SampleTable::kAddressLimit, 5), stale));
}

TEST(SampleTable, ThreadsWithTheirOwnBlocks) {
  const auto table = std::make_unique<SampleTable>();
  std::vector<std::thread> threads;
  for (uint32_t t = 1; t <= 4; ++t) {
    threads.emplace_back([&table, t] {
      for (uint32_t i = 0; i < 20'000; ++i) {
        const uintptr_t address = 0x7f0000000000 + (i % 300) * 64 + t * 16;
        SampledBlock stale;
        ASSERT_TRUE(table->insert(block(address, t), stale));
        ASSERT_EQ(stale.address, 0U);
        ASSERT_EQ(format::index(table->take(address, BlockKind::kHeap).site), t);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_FALSE(table->may_hold(0x7f0000000000));
}

}  // namespace
}  // namespace mla
