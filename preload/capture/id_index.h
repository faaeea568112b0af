// From a hash to the id of a record that exists already: the hash-consing index of stacks and
// sites.
//
// * Insert-only and lock-free. When three quarters full it is replaced by one of twice the size; an
//   id that another thread adds to the old one meanwhile may be missing in the new one. Its record
//   is then made a second time, which costs 16 bytes and is merged by the reader.
// * Old tables stay mapped, since a reader may be in them, but give their memory back: that reader
//   finds nothing there, and its record is made a second time, too.
// * Private memory: a forked child gets its own copy from the kernel.
#pragma once

#include <atomic>
#include <cstdint>

#include "segment/own_memory.h"

namespace mla {

class IdIndex {
 public:
  static constexpr uint32_t kNone = 0;

  // The id for which same(id) holds among those added under `hash`, or kNone.
  template <class Same>
  uint32_t find(uint32_t hash, Same same) const {
    const Table* t = table_.load(std::memory_order_acquire);  // release in grow()
    if (t == nullptr) return kNone;
    for (uint32_t i = t->bucket(hash);; i = (i + 1) & t->mask()) {
      // Acquire: pairs with the release in put(); the record was published before its id.
      const uint64_t entry = t->entries[i].load(std::memory_order_acquire);
      if (entry == 0) return kNone;
      if (hash_of(entry) == hash && id_of(entry) != kForgotten && same(id_of(entry))) {
        return id_of(entry);
      }
    }
  }

  // Adds `id`, whose record is published. Without memory the id is not found again, no more.
  void add(uint32_t hash, uint32_t id) {
    Table* t = table_.load(std::memory_order_acquire);
    if (t == nullptr || t->used.load(std::memory_order_relaxed) > t->mask() / 4 * 3) {
      grow(t);
      t = table_.load(std::memory_order_acquire);
      if (t == nullptr || t->used.load(std::memory_order_relaxed) > t->mask() - t->mask() / 8)
        return;
    }
    put(*t, hash, id);
  }

  // In a forked child: a thread of the parent that was growing the index does not exist here.
  void reset_after_fork() { growing_.store(0, std::memory_order_relaxed); }

  // Makes every id for which gone(id) holds impossible to find.
  template <class Gone>
  void forget(Gone gone) {
    Table* t = table_.load(std::memory_order_acquire);
    for (uint32_t i = 0; t != nullptr && i <= t->mask(); ++i) {
      const uint64_t entry = t->entries[i].load(std::memory_order_acquire);
      if (entry != 0 && id_of(entry) != kForgotten && gone(id_of(entry))) {
        t->entries[i].store(make(hash_of(entry), kForgotten), std::memory_order_release);
      }
    }
  }

 private:
  static constexpr uint32_t kForgotten = ~0U;
  static constexpr uint32_t kFirstBits = 12;
  static constexpr uint32_t kMostBits = 23;

  struct Table {
    uint32_t bits;
    std::atomic<uint32_t> used;
    std::atomic<uint64_t> entries[];
    uint32_t mask() const { return (1U << bits) - 1; }
    uint32_t bucket(uint32_t hash) const { return hash >> (32 - bits); }
  };

  static size_t bytes_of(uint32_t bits) {
    return (sizeof(Table) + (sizeof(uint64_t) << bits) + 4095) & ~size_t{4095};
  }
  static uint64_t make(uint32_t hash, uint32_t id) {
    return static_cast<uint64_t>(hash) << 32 | id;
  }
  static uint32_t hash_of(uint64_t entry) { return static_cast<uint32_t>(entry >> 32); }
  static uint32_t id_of(uint64_t entry) { return static_cast<uint32_t>(entry); }

  static void put(Table& t, uint32_t hash, uint32_t id) {
    t.used.fetch_add(1, std::memory_order_relaxed);
    for (uint32_t i = t.bucket(hash);; i = (i + 1) & t.mask()) {
      uint64_t none = 0;
      if (t.entries[i].compare_exchange_strong(none, make(hash, id), std::memory_order_acq_rel)) {
        return;
      }
    }
  }

  void grow(Table* full) {
    const uint32_t bits = full == nullptr ? kFirstBits : full->bits + 1;
    if (bits > kMostBits || growing_.exchange(1, std::memory_order_acquire) != 0) return;
    if (table_.load(std::memory_order_acquire) == full) {
      Table* bigger = static_cast<Table*>(own_map(bytes_of(bits)));
      if (bigger != nullptr) {
        bigger->bits = bits;
        for (uint32_t i = 0; full != nullptr && i <= full->mask(); ++i) {
          const uint64_t entry = full->entries[i].load(std::memory_order_acquire);
          if (entry != 0 && id_of(entry) != kForgotten) put(*bigger, hash_of(entry), id_of(entry));
        }
        table_.store(bigger, std::memory_order_release);  // acquired in find() and add()
        if (full != nullptr) own_empty(full, bytes_of(full->bits));
      }
    }
    growing_.store(0, std::memory_order_release);
  }

  std::atomic<Table*> table_;
  std::atomic<uint32_t> growing_;
};

}  // namespace mla
