// The anonymous mappings of the program, by address range.
#pragma once

#include <cstdint>

#include "format/format.h"

namespace mla {

struct Mapping {
  uintptr_t start;
  uintptr_t end;
  format::SiteId site;
  uint32_t generation;
};

class MappingTable {
 public:
  // Enters a range that overlaps none of the table. False when the table is full or busy.
  bool insert(const Mapping& mapping);

  // Removes [start, end) from all mappings, cutting and splitting them. Calls removed(m, low,
  // high, whole) for each with what it lost and whether nothing is left of it; split(m) when one
  // more mapping than before came of it. False when the table is busy or, for a split, full.
  template <class Removed, class Split>
  bool remove(uintptr_t start, uintptr_t end, Removed removed, Split split) {
    if (start >= end) return true;
    if (!lock()) return false;
    bool complete = true;
    uint32_t i = first_ending_after(start);
    while (i < count_ && table_[i].start < end) {
      Mapping& m = table_[i];
      const uintptr_t low = m.start > start ? m.start : start;
      const uintptr_t high = m.end < end ? m.end : end;
      const bool left_of = m.start < low;
      const bool right_of = high < m.end;
      removed(m, low, high, !left_of && !right_of);
      if (!left_of && !right_of) {
        erase(i);
        continue;
      }
      if (left_of && right_of) {
        const Mapping tail = {high, m.end, m.site, m.generation};
        m.end = low;
        if (insert_at(i + 1, tail)) {
          split(tail);
        } else {
          complete = false;
          removed(tail, tail.start, tail.end, false);
        }
        ++i;
      } else if (left_of) {
        m.end = low;
      } else {
        m.start = high;
      }
      ++i;
    }
    unlock();
    return complete;
  }

  // The first range that ends after `address`. False if there is none or the table is busy.
  bool next(uintptr_t address, Mapping& found);

  template <class Each>
  void for_each(Each each) const {
    for (uint32_t i = 0; i < count_; ++i) each(table_[i]);
  }
  // Makes every mapping one of generation 0. Call in a forked child, with no other thread.
  void forget_generations() {
    for (uint32_t i = 0; i < count_; ++i) table_[i].generation = 0;
  }

  // In a forked child: another thread of the parent may have held the lock. False if so: the table
  // may be half-changed and has been emptied.
  bool reset_after_fork();

 private:
  static constexpr uint32_t kCapacity = 65536;
  static constexpr uint32_t kSpinsBeforeYield = 100;
  static constexpr uint32_t kMostSpins = 1 << 16;  // then the event is counted as lost

  bool lock();
  void unlock() { locked_.store(0, std::memory_order_release); }
  uint32_t first_ending_after(uintptr_t address) const;
  bool insert_at(uint32_t i, const Mapping& mapping);
  void erase(uint32_t i);

  std::atomic<uint32_t> locked_;  // 2: its holder was left by a siglongjmp, nobody waits again
  uint32_t count_ = 0;
  Mapping* table_ = nullptr;
};

extern MappingTable mapping_table;
// What is in no count but explains resident pages: address space reserved by the program
// (PROT_NONE, made accessible piece by piece) with the site that did, and, with site kNone, what
// the serving allocator mapped for itself.
extern MappingTable reservation_table;

}  // namespace mla
