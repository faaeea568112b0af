#include <gtest/gtest.h>

#include <memory>
#include <thread>
#include <vector>

#include "capture/id_index.h"

namespace mla {
namespace {

uint32_t hash_of(uint32_t key) { return key * 0x9e3779b9U; }

// What the index is for: one id for each key, made when it is first seen.
class Records {
 public:
  explicit Records(uint32_t most) : keys_(std::make_unique<std::atomic<uint32_t>[]>(most)) {}

  uint32_t find(uint32_t key) const {
    return index_.find(hash_of(key), [&](uint32_t id) { return keys_[id] == key; });
  }
  uint32_t find_or_add(uint32_t key) {
    const uint32_t known = find(key);
    if (known != IdIndex::kNone) return known;
    const uint32_t id = claimed_.fetch_add(1) + 1;
    keys_[id] = key;
    index_.add(hash_of(key), id);
    return id;
  }
  uint32_t key_of(uint32_t id) const { return keys_[id]; }
  uint32_t claimed() const { return claimed_; }
  IdIndex& index() { return index_; }

 private:
  std::unique_ptr<std::atomic<uint32_t>[]> keys_;
  std::atomic<uint32_t> claimed_{0};
  IdIndex index_;
};

TEST(IdIndex, IsEmptyAtFirst) {
  const Records records(2);
  EXPECT_EQ(records.find(1), IdIndex::kNone);
}

TEST(IdIndex, FindsEveryIdAfterGrowing) {
  constexpr uint32_t kKeys = 100000;
  Records records(kKeys + 1);
  for (uint32_t key = 1; key <= kKeys; ++key) EXPECT_EQ(records.find_or_add(key), key);
  for (uint32_t key = 1; key <= kKeys; ++key) EXPECT_EQ(records.find(key), key);
  EXPECT_EQ(records.find(kKeys + 1), IdIndex::kNone);
}

TEST(IdIndex, KeepsEqualHashesApart) {
  IdIndex index;
  for (uint32_t id = 1; id <= 100; ++id) index.add(42, id);
  for (uint32_t id = 1; id <= 100; ++id) {
    EXPECT_EQ(index.find(42, [id](uint32_t other) { return other == id; }), id);
  }
  EXPECT_EQ(index.find(42, [](uint32_t) { return false; }), IdIndex::kNone);
}

TEST(IdIndex, ForgetsWhatIsGoneAndGrowsWithoutIt) {
  constexpr uint32_t kKeys = 3000;
  Records records(20 * kKeys);
  for (uint32_t key = 1; key <= kKeys; ++key) records.find_or_add(key);
  records.index().forget([](uint32_t id) { return id % 3 == 0; });
  for (uint32_t key = 1; key <= kKeys; ++key) {
    EXPECT_EQ(records.find(key), key % 3 == 0 ? IdIndex::kNone : key);
  }
  for (uint32_t key = kKeys + 1; key <= 10 * kKeys; ++key) records.find_or_add(key);
  for (uint32_t key = 1; key <= kKeys; ++key) {
    EXPECT_EQ(records.find(key), key % 3 == 0 ? IdIndex::kNone : key);
  }
}

TEST(IdIndex, ThreadsAddWhileItGrows) {
  constexpr uint32_t kThreads = 4;
  constexpr uint32_t kKeys = 40000;
  Records records(2 * kThreads * kKeys + 1);
  std::vector<std::thread> threads;
  for (uint32_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&records, t] {
      for (uint32_t i = 0; i < kKeys; ++i) {
        // Each thread in another order, so that all meet at all keys.
        const uint32_t key = 1 + (i * (2 * t + 1) + t * 9973) % kKeys;
        EXPECT_EQ(records.key_of(records.find_or_add(key)), key);
      }
    });
  }
  for (std::thread& t : threads) t.join();
  // A key may have two records, or one that is not found; asked for again, it has one that is.
  EXPECT_GE(records.claimed(), kKeys);
  for (uint32_t key = 1; key <= kKeys; ++key) {
    const uint32_t id = records.find_or_add(key);
    EXPECT_EQ(records.key_of(id), key);
    EXPECT_EQ(records.find(key), id);
  }
}

}  // namespace
}  // namespace mla
