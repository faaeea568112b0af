// Finds the equal of a record among those kept so far.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

namespace mla {

// Indices of distinct records, by hash: open addressing in one block of memory, as millions of
// stack nodes have to be told apart. The records themselves are the caller's.
class DistinctIndices {
 public:
  // `most`: records that will be asked for.
  explicit DistinctIndices(size_t most) : slots_(std::bit_ceil(most + most / 3 + 1)) {}

  // The index of an equal record, else `next`, which is kept as this record's own. `equals(index)`
  // compares with a record kept before.
  template <class Equals>
  uint32_t find_or_keep(uint64_t hash, uint32_t next, const Equals& equals) {
    const size_t mask = slots_.size() - 1;
    const auto tag = static_cast<uint32_t>(hash >> 32);
    for (size_t i = hash & mask;; i = (i + 1) & mask) {
      Slot& slot = slots_[i];
      if (slot.index == kFree) {
        slot = {tag, next};
        return next;
      }
      // Records are looked at only where a tag agrees: they are elsewhere in memory.
      if (slot.tag == tag && equals(slot.index)) return slot.index;
    }
  }

  // Ahead of find_or_keep: of large tables most of its time is waiting for memory.
  void prefetch(uint64_t hash) const { __builtin_prefetch(&slots_[hash & (slots_.size() - 1)]); }

 private:
  static constexpr uint32_t kFree = ~uint32_t{0};
  struct Slot {
    uint32_t tag = 0;
    uint32_t index = kFree;
  };
  std::vector<Slot> slots_;
};

// Of two words, for DistinctIndices. Another one in every run: a recording is a stranger's file,
// and must not be able to choose words of one hash.
inline uint64_t hash_of(uint64_t a, uint64_t b) {
  static const uint64_t seed = uint64_t{std::random_device{}()} << 32 | std::random_device{}();
  const auto mix = [](uint64_t h) {  // the finalizer of MurmurHash3
    h = (h ^ h >> 33) * 0xff51afd7ed558ccdULL;
    h = (h ^ h >> 33) * 0xc4ceb9fe1a85ec53ULL;
    return h ^ h >> 33;
  };
  return mix(mix(a ^ seed) ^ b);
}

// Numbers distinct keys in the order in which they come; for when it is not known how many will. A
// key has hash(), made by hash_of(), and ==.
template <class Key>
class DistinctKeys {
 public:
  // `expected`: about how many; only growing is slow.
  explicit DistinctKeys(size_t expected = 1024)
      : room_(std::max<size_t>(expected, 1)), index_(room_) {}

  // The key's number, a new one the first time.
  uint32_t number_of(const Key& key) {
    if (keys_.size() == room_) grow();
    const auto next = static_cast<uint32_t>(keys_.size());
    const uint32_t number =
        index_.find_or_keep(key.hash(), next, [&](uint32_t known) { return keys_[known] == key; });
    if (number == next) keys_.push_back(key);
    return number;
  }

  size_t size() const { return keys_.size(); }
  const Key& operator[](uint32_t number) const { return keys_[number]; }
  const std::vector<Key>& keys() const { return keys_; }

 private:
  void grow() {
    room_ *= 2;
    index_ = DistinctIndices(room_);
    for (uint32_t number = 0; number < keys_.size(); ++number) {
      index_.find_or_keep(keys_[number].hash(), number, [](uint32_t) { return false; });
    }
  }

  size_t room_;
  std::vector<Key> keys_;
  DistinctIndices index_;
};

}  // namespace mla
