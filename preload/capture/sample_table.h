// The live blocks that were sampled, and how an unsampled free is told apart at once.
//
// A byte per page of address space counts the sampled blocks that begin on it; free() of anything
// on a page of count 0 is forwarded after two loads. The rest is looked up in a hash table of
// chains.
//
// * No locks. Whoever owns a block is the only one to enter it, look for it and remove it, so that
//   threads meet only where a chain gets longer. Entries stay in their chain and serve its later
//   blocks: a chain is as long as the most samples it ever had at one time.
// * Rejected: parts with a lock each. A holder that loses its processor keeps the others waiting
// for
//   longer than a stall may last, and what gives up loses a free, which counts as live for ever: on
//   a busy machine that was one event in some ten thousand samples of two threads [measured].
#pragma once

#include <atomic>
#include <cstdint>

#include "capture/live_map.h"
#include "capture/sampling.h"
#include "format/format.h"

namespace mla {

struct SampledBlock {
  uintptr_t address = 0;  // 0: none
  format::SiteId site = format::SiteId::kNone;
  uint32_t generation = 0;
  SampleWeight weight = {};
  BlockKind kind = BlockKind::kHeap;
  uint8_t label = 0;  // of its birth
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
  // False if there is no memory. A block already there under this address is returned in `stale`.
  bool insert(const SampledBlock& block, SampledBlock& stale);
  // Removes and returns the block at `address`; its address is 0 if there is none of this kind.
  SampledBlock take(uintptr_t address, BlockKind kind);

  static constexpr uint32_t kBuckets = 1U << 14;
  // Calls each(block) for the blocks of `count` chains from `first` on. What other threads do
  // meanwhile may be seen or not, a block that makes room for another also in part.
  template <class Each>
  void for_each(Each each, uint32_t first = 0, uint32_t count = kBuckets) const {
    for (uint32_t i = first; i < first + count && i < kBuckets; ++i) {
      for (const Entry* e = buckets_[i].load(std::memory_order_acquire); e != nullptr;
           e = e->next) {
        if (e->address.load(std::memory_order_acquire) > kTaken) each(block_of(*e));
      }
    }
  }
  // Whether a sampled block may begin in [low, high).
  bool may_hold_any(uintptr_t low, uintptr_t high) const;
  // Makes every block one of generation 0. Call in a forked child, with no other thread.
  void forget_generations();

 private:
  using Page = std::atomic<uint8_t>;
  static constexpr uint32_t kPageBits = 12;
  static constexpr uint32_t kLeafBits = 30;  // a leaf: 256 KiB of counts for 1 GiB of addresses
  static constexpr uint64_t kLeafSpan = 1ULL << kLeafBits;
  static constexpr uint32_t kBucketBits = 14;
  static_assert(kBuckets == 1U << kBucketBits);
  static constexpr uint8_t kSaturated = 255;  // stays: the page is then always looked up
  static constexpr uintptr_t kEmpty = 0;
  static constexpr uintptr_t kTaken = 1;  // by a thread that is about to fill it

  struct Entry {
    // Release when filled or emptied, acquire when looked at: the rest is the block's owner's.
    // Atomic, for a census may look at it at any time.
    std::atomic<uintptr_t> address;
    std::atomic<format::SiteId> site;
    std::atomic<uint32_t> generation;
    std::atomic<uint64_t> bytes;  // this, `blocks` and `variance`: the weight
    std::atomic<uint64_t> variance;
    std::atomic<uint32_t> blocks;
    std::atomic<BlockKind> kind;
    std::atomic<uint8_t> label;
    Entry* next;
  };
  static_assert(sizeof(Entry) <= 64);

  static SampledBlock block_of(const Entry& e) {
    constexpr auto kRelaxed = std::memory_order_relaxed;
    return {e.address.load(kRelaxed),
            e.site.load(kRelaxed),
            e.generation.load(kRelaxed),
            {e.bytes.load(kRelaxed), e.blocks.load(kRelaxed), e.variance.load(kRelaxed)},
            e.kind.load(kRelaxed),
            e.label.load(kRelaxed)};
  }
  std::atomic<Entry*>& bucket_of(uintptr_t address) {
    return buckets_[(address >> 3) * 0x9e3779b97f4a7c15ULL >> (64 - kBucketBits)];
  }
  static Entry* find(Entry* first, uintptr_t address);
  static Entry* empty_entry(std::atomic<Entry*>& bucket);
  bool add_to_page(uintptr_t address, bool one_more);

  std::atomic<Page*> directory_[kAddressLimit >> kLeafBits];  // 1 MiB of address space, not touched
  std::atomic<Entry*> buckets_[kBuckets];
};

extern SampleTable sample_table;

}  // namespace mla
