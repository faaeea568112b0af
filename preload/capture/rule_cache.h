// Unwind rules already computed, shared by all threads.
//
// * Lookups take no lock and write nothing. Entries are only ever added, or emptied for a range of
//   addresses when a module goes away; addresses are never unmapped, so a reader is never
//   surprised.
// * When three quarters full the table is replaced by one of twice the size, and the old one gives
//   its memory back. What a thread adds to the old table, or looks for in it, meanwhile, is
//   computed once more.
#pragma once

#include <atomic>
#include <cstdint>

#include "capture/unwind_rule.h"

namespace mla {

class RuleCache {
 public:
  // pc: the address to look up, as for compute_rule(), which answers a miss.
  UnwindRule rule_at(uintptr_t pc) {
    if (Table* t = table_.load(std::memory_order_acquire)) {
      for (uint32_t i = bucket(pc, t->bits), n = 0; n < kProbes; ++n, i = (i + 1) & t->mask()) {
        const Entry& e = t->entries[i];
        const uintptr_t seen = e.pc.load(std::memory_order_relaxed);
        if (seen == pc) {
          // Acquire: pairs with the releases in add().
          const uint64_t bits = e.rule.load(std::memory_order_acquire);
          if (bits != 0) return unpack(bits);
          break;
        }
        if (seen == 0) break;
      }
    }
    return miss(pc);
  }

  // In a forked child: a thread of the parent that was growing the cache does not exist here.
  void reset_after_fork() { growing_.store(0, std::memory_order_relaxed); }

  // Drops what is known about [low, high): a module was unloaded from there.
  void forget(uintptr_t low, uintptr_t high);

 private:
  struct Entry {
    std::atomic<uintptr_t> pc;   // 0: empty
    std::atomic<uint64_t> rule;  // 0: forgotten, or about to be stored
  };
  struct Table {
    uint32_t bits;
    std::atomic<uint32_t> used;
    Entry entries[];
    uint32_t mask() const { return (1U << bits) - 1; }
  };
  static constexpr uint32_t kProbes = 16;
  static constexpr uint32_t kFirstBits = 12;
  static constexpr uint32_t kMostBits = 22;

  static uint32_t bucket(uintptr_t pc, uint32_t bits) {
    return static_cast<uint32_t>((pc * 0x9e3779b97f4a7c15ULL) >> (64 - bits));
  }
  static UnwindRule unpack(uint64_t bits) { return __builtin_bit_cast(UnwindRule, bits); }
  static size_t bytes_of(uint32_t bits) {
    return (sizeof(Table) + (sizeof(Entry) << bits) + 4095) & ~size_t{4095};
  }
  static Table* make_table(uint32_t bits);
  static bool add(Table& t, uintptr_t pc, uint64_t rule);
  UnwindRule miss(uintptr_t pc);
  void grow(Table* full);

  std::atomic<Table*> table_;
  std::atomic<uint32_t> growing_;
};

extern RuleCache rule_cache;

}  // namespace mla
