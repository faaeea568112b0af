#include <gtest/gtest.h>

#include <memory>
#include <thread>
#include <tuple>
#include <vector>

#include "capture/mappings.h"

namespace mla {
namespace {

using format::SiteId;

constexpr uintptr_t kPage = 4096;

using Removed = std::tuple<uint32_t, uintptr_t, uintptr_t, bool>;  // site, first page, end, whole
using Split = std::pair<uintptr_t, uintptr_t>;

struct Changes {
  bool complete = false;
  std::vector<Removed> removed;
  std::vector<Split> split;
};

class MappingTableTest : public testing::Test {
 protected:
  bool insert(uint32_t site, uintptr_t first, uintptr_t end) {
    return table_->insert({first * kPage, end * kPage, SiteId{site}, 0});
  }
  Changes remove(uintptr_t first, uintptr_t end) {
    Changes changes;
    changes.complete = table_->remove(
        first * kPage, end * kPage,
        [&](const Mapping& m, uintptr_t low, uintptr_t high, bool whole) {
          changes.removed.emplace_back(format::index(m.site), low / kPage, high / kPage, whole);
        },
        [&](const Mapping& m) { changes.split.emplace_back(m.start / kPage, m.end / kPage); });
    return changes;
  }
  void expect(const Changes& changes, const std::vector<Removed>& removed,
              const std::vector<Split>& split = {}) {
    EXPECT_TRUE(changes.complete);
    EXPECT_EQ(changes.removed, removed);
    EXPECT_EQ(changes.split, split);
  }

  std::unique_ptr<MappingTable> table_ = std::make_unique<MappingTable>();
};

TEST_F(MappingTableTest, RemovesWhole) {
  EXPECT_TRUE(insert(1, 10, 20));
  expect(remove(10, 20), {{1, 10, 20, true}});
  expect(remove(0, 100), {});
}

TEST_F(MappingTableTest, RemovesNothingBesides) {
  EXPECT_TRUE(insert(1, 10, 20));
  expect(remove(5, 10), {});
  expect(remove(20, 30), {});
  expect(remove(15, 15), {});
  expect(remove(0, 100), {{1, 10, 20, true}});
}

TEST_F(MappingTableTest, CutsEnds) {
  EXPECT_TRUE(insert(1, 10, 20));
  expect(remove(5, 12), {{1, 10, 12, false}});
  expect(remove(18, 25), {{1, 18, 20, false}});
  expect(remove(0, 100), {{1, 12, 18, true}});
}

TEST_F(MappingTableTest, SplitsInTwo) {
  EXPECT_TRUE(insert(1, 10, 20));
  expect(remove(14, 15), {{1, 14, 15, false}}, {{15, 20}});
  expect(remove(16, 17), {{1, 16, 17, false}}, {{17, 20}});
  expect(remove(0, 100), {{1, 10, 14, true}, {1, 15, 16, true}, {1, 17, 20, true}});
}

TEST_F(MappingTableTest, RemovesAcrossSeveral) {
  EXPECT_TRUE(insert(3, 50, 60));  // in any order
  EXPECT_TRUE(insert(1, 10, 20));
  EXPECT_TRUE(insert(2, 30, 40));
  expect(remove(15, 55), {{1, 15, 20, false}, {2, 30, 40, true}, {3, 50, 55, false}});
  expect(remove(0, 100), {{1, 10, 15, true}, {3, 55, 60, true}});
}

TEST_F(MappingTableTest, IsFullAtItsBound) {
  constexpr uint32_t kCapacity = 65536;
  for (uint32_t i = 0; i < kCapacity; ++i) ASSERT_TRUE(insert(1, 10 * (i + 1), 10 * (i + 1) + 5));
  EXPECT_FALSE(insert(1, 1, 2));
  // The part behind the hole finds no room: it counts as removed, and the caller is told.
  const Changes changes = remove(12, 13);
  EXPECT_FALSE(changes.complete);
  EXPECT_EQ(changes.removed, (std::vector<Removed>{{1, 12, 13, false}, {1, 13, 15, false}}));
  EXPECT_TRUE(changes.split.empty());
  expect(remove(0, 19), {{1, 10, 12, true}});
  EXPECT_TRUE(insert(1, 1, 2));
}

TEST_F(MappingTableTest, SurvivesAForkWithoutThreads) {
  EXPECT_TRUE(insert(1, 10, 20));
  EXPECT_TRUE(table_->reset_after_fork());
  expect(remove(0, 100), {{1, 10, 20, true}});
}

TEST_F(MappingTableTest, ThreadsChangeItAtTheSameTime) {
  constexpr uint32_t kThreads = 4;
  constexpr uint32_t kRounds = 2000;
  std::vector<std::thread> threads;
  for (uint32_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([this, t] {
      const uintptr_t base = uintptr_t{t + 1} * 1000;
      for (uint32_t round = 0; round < kRounds; ++round) {
        EXPECT_TRUE(insert(t + 1, base, base + 9));
        expect(remove(base + 3, base + 6), {{t + 1, base + 3, base + 6, false}},
               {{base + 6, base + 9}});
        expect(remove(base, base + 9),
               {{t + 1, base, base + 3, true}, {t + 1, base + 6, base + 9, true}});
      }
    });
  }
  for (std::thread& t : threads) t.join();
  expect(remove(0, 100000), {});
}

}  // namespace
}  // namespace mla
