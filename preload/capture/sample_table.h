// The live blocks that were sampled, and how an unsampled free is told apart at once.
//
// A byte per page of address space counts the sampled blocks that begin on it; free() of anything
// on a page of count 0 is forwarded after two loads. The rest is looked up in an exact table, cut
// into parts with a lock of their own. Deletion moves later entries back, so the table does not
// decay under churn as one with tombstones does.
//
// The locks protect a few dozen instructions, are never held around anything else, and are given up
// after a bound: then the event is counted as lost.
#pragma once

#include <atomic>
#include <cstdint>

#include "capture/sampling.h"
#include "format/format.h"

namespace mla {

struct SampledBlock {
  uintptr_t address = 0;  // 0: none
  format::SiteId site = format::SiteId::kNone;
  uint32_t generation = 0;
  SampleWeight weight = {};
};

class SampleTable {
 public:
  static constexpr uintptr_t kAddressLimit = 1ULL << 47;

  // Whether a sampled block may begin on the page of `address`. False means no, for sure.
  bool may_hold(uintptr_t address) const {
    if (__builtin_expect(address >= kAddressLimit, 0)) return false;
    const Page* leaf = directory_[address >> kLeafBits].load(std::memory_order_acquire);
    return leaf != nullptr &&
           leaf[(address & (kLeafSpan - 1)) >> kPageBits].load(std::memory_order_relaxed) != 0;
  }
  // False if it could not be entered. A block already there under this address is returned in
  // `stale`.
  bool insert(const SampledBlock& block, SampledBlock& stale);
  // Removes the block at `address`. address 0 in the result: there is none.
  // False if its part was busy for too long.
  bool take(uintptr_t address, SampledBlock& out);

  template <class Each>
  void for_each(Each each) const {
    for (const Part& part : parts_) {
      for (uint32_t i = 0; i < part.capacity; ++i) {
        if (part.slots[i].address != 0) each(part.slots[i]);
      }
    }
  }
  // Whether a sampled block may begin in [low, high).
  bool may_hold_any(uintptr_t low, uintptr_t high) const;
  // Makes every block one of generation 0. Call in a forked child, with no other thread.
  void forget_generations();
  // In a forked child: a part that a thread of the parent was changing is emptied.
  void reset_after_fork();

 private:
  using Page = std::atomic<uint8_t>;
  static constexpr uint32_t kPageBits = 12;
  static constexpr uint32_t kLeafBits = 30;  // a leaf: 256 KiB of counts for 1 GiB of addresses
  static constexpr uint64_t kLeafSpan = 1ULL << kLeafBits;
  static constexpr uint32_t kParts = 64;
  static constexpr uint32_t kFirstCapacity = 64;
  static constexpr uint32_t kSpinsBeforeYield = 100;
  static constexpr uint32_t kMostSpins = 1 << 14;
  static constexpr uint8_t kSaturated = 255;  // stays: the page is then always looked up

  struct Part {
    std::atomic<uint32_t> locked;  // 2: its holder was left by a siglongjmp, nobody waits again
    uint32_t count = 0;
    uint32_t capacity = 0;  // power of two
    SampledBlock* slots = nullptr;
    char pad[40] = {};
  };
  static_assert(sizeof(Part) == 64);

  static uint64_t hash(uintptr_t address) { return (address >> 3) * 0x9e3779b97f4a7c15ULL; }
  Part& part_of(uintptr_t address) { return parts_[hash(address) >> 58]; }
  static uint32_t home(uintptr_t address, uint32_t capacity) {
    return static_cast<uint32_t>(hash(address) >> 20) & (capacity - 1);
  }
  static bool lock(Part& part);
  static void unlock(Part& part) { part.locked.store(0, std::memory_order_release); }
  static bool grow(Part& part);
  static void remove_at(Part& part, uint32_t i);
  bool add_to_page(uintptr_t address, bool one_more);

  std::atomic<Page*> directory_[kAddressLimit >> kLeafBits];  // 1 MiB of address space, not touched
  Part parts_[kParts];
};

extern SampleTable sample_table;

}  // namespace mla
