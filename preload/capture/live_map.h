// Which site a live block belongs to and how many bytes were asked for: exact, for every block.
//
// A slot is chosen by the block's address alone, so it is owned by whoever owns the block: the
// allocator does not hand an address to two callers. Therefore no lock, no search, and a plain load
// and store on each side (free() reads the slot before it calls the real free). What orders the
// accesses of two threads is the allocator's own hand-over of the address.
//
//   directory (8,192 x 16 GiB) -> middle (4,096 x 4 MiB) -> leaf of 8-byte slots
//
// One slot per 16 bytes of address space, or per 32 over ptmalloc2, whose smallest chunk is 32
// bytes. jemalloc, tcmalloc and mimalloc put two blocks of up to 8 bytes into 16: the slot then
// holds a pair, and is updated by compare-and-swap.
//
//   single: 0 | size:35 | generation:3 | 0:5 | site:20        (bit 63 first)
//   pair:   1 | 0:9 | size:4 generation:3 site:20 | the same for the block at the lower address
//
// Rejected: one flat reservation of 64 TiB (a program that sets RLIMIT_AS or calls mlockall after
// start dies of it; VSZ frightens); a hash table (needs locks or tombstones, and misses the
// locality the heap has).
#pragma once

#include <atomic>
#include <cstdint>

#include "format/format.h"

namespace mla {

struct LiveBlock {
  format::SiteId site = format::SiteId::kNone;  // kNone: there is no such block
  uint64_t bytes = 0;       // requested; larger than kMostBytes counts as kMostBytes
  uint32_t generation = 0;  // forks between the first process and the one that allocated it
  // Of a sampled block, which stands for more than itself:
  bool sampled = false;
  uint32_t blocks = 1;
  uint64_t variance = 0;
};

class LiveMap {
 public:
  static constexpr uint64_t kMostBytes = (1ULL << 35) - 1;
  static constexpr uint32_t kGenerations = 8;
  static constexpr uint64_t kAddressLimit = 1ULL << 47;

  // `smallest_spacing`: 32 when blocks are never closer than 32 bytes, else 16. Once, before use.
  void configure(uint32_t smallest_spacing) { shift_ = smallest_spacing == 32 ? 5 : 4; }

  // The usual case of insert(): a slot that is there, empty, and the block's own. False, with
  // nothing done, in any other case.
  bool insert_plain(uintptr_t address, format::SiteId site, uint64_t bytes,
                    uint32_t generation_now) {
    Slot* slot = slot_at(address);
    if (slot == nullptr || bytes > kMostBytes || (bytes <= kTinyBytes && shift_ == 4) ||
        slot->load(std::memory_order_relaxed) != 0) {
      return false;
    }
    slot->store(format::index(site) | static_cast<uint64_t>(generation_now) << kGenerationAt |
                    bytes << kSizeAt,
                std::memory_order_relaxed);
    return true;
  }
  // The usual case of take(): a block of this generation that has its slot for itself. False, with
  // nothing done, in any other case.
  bool take_plain(uintptr_t address, uint32_t generation_now, format::SiteId& site,
                  uint64_t& bytes) {
    Slot* slot = slot_at(address);
    if (slot == nullptr) return false;
    const uint64_t seen = slot->load(std::memory_order_relaxed);
    if (seen == 0 || (seen & kPairFlag) != 0 ||
        (seen >> kGenerationAt & kGenerationMask) != generation_now) {
      return false;
    }
    slot->store(0, std::memory_order_relaxed);
    site = format::SiteId{static_cast<uint32_t>(seen & kSiteMask)};
    bytes = seen >> kSizeAt;
    return true;
  }

  // Enters a block. False if there is no memory for the leaf, or the address is above
  // kAddressLimit. `stale` is what the slot held: a block whose free was not seen.
  bool insert(uintptr_t address, const LiveBlock& block, LiveBlock& stale) {
    Slot* slot = slot_at(address);
    if (__builtin_expect(slot == nullptr || block.bytes <= kTinyBytes, 0)) {
      return insert_slowly(address, block, stale);
    }
    const uint64_t seen = slot->load(std::memory_order_relaxed);
    if (__builtin_expect(seen != 0, 0)) return insert_slowly(address, block, stale);
    slot->store(pack(block), std::memory_order_relaxed);
    return true;
  }
  // Removes and returns the block.
  LiveBlock take(uintptr_t address) {
    Slot* slot = slot_at(address);
    if (__builtin_expect(slot == nullptr, 0)) return {};
    const uint64_t seen = slot->load(std::memory_order_relaxed);
    if (__builtin_expect((seen & kPairFlag) != 0, 0)) return take_half(*slot, address);
    if (seen != 0) slot->store(0, std::memory_order_relaxed);
    return unpack(seen);
  }
  // Has the slot of `address` brought closer.
  void prefetch(uintptr_t address) const {
    const Slot* slot = slot_at(address);
    if (__builtin_expect(slot != nullptr, 1)) __builtin_prefetch(slot, 1);
  }
  // Returns the block and leaves it.
  LiveBlock find(uintptr_t address) const;

  // Calls each(block) for every block. Reads only resident pages.
  template <class Each>
  void for_each(Each each) const {
    for (const std::atomic<Middle*>& up : directory_) {
      const Middle* middle = up.load(std::memory_order_acquire);
      for (uint32_t i = 0; middle != nullptr && i < 1U << kMiddleBits; ++i) {
        const Slot* leaf = middle->leaf[i].load(std::memory_order_acquire);
        unsigned char resident[kMostLeafPages];
        if (leaf == nullptr || !resident_pages(leaf, resident)) continue;
        for (uint64_t s = 0; s < leaf_bytes() / sizeof(Slot); ++s) {
          if ((s & (kSlotsPerPage - 1)) == 0 && (resident[s / kSlotsPerPage] & 1) == 0) {
            s += kSlotsPerPage - 1;
            continue;
          }
          const uint64_t seen = leaf[s].load(std::memory_order_relaxed);
          if ((seen & kPairFlag) != 0) {
            for (uint32_t at = 0; at < 2; ++at) {
              const LiveBlock half = unpack_half_of(seen, at);
              if (half.site != format::SiteId::kNone) each(half);
            }
          } else if (seen != 0) {
            each(unpack(seen));
          }
        }
      }
    }
  }

  // Whether a block was ever entered in [low, high), to the 16 KiB. Asks the kernel: one system
  // call for each 4 MiB that hold or held blocks, up to the first hit.
  bool ever_held(uintptr_t low, uintptr_t high) const;

  // Visits the blocks of one page after another, upwards. Reads only resident pages.
  class Cursor {
   public:
    // Calls each(address, block) for every block that begins in [page, page + 4096), which is
    // aligned. Over ptmalloc2 an address may be 16 bytes too low.
    template <class Each>
    void visit(const LiveMap& map, uintptr_t page, Each each) {
      if (page >> kLeafBits != span_) enter(map, page);
      if (leaf_ == nullptr) return;
      const uint64_t first = (page & (kLeafSpan - 1)) >> map.shift_;
      const uint64_t end = first + (4096 >> map.shift_);
      if ((resident_[first / kSlotsPerPage] & 1) == 0) return;
      for (uint64_t s = first; s < end; ++s) {
        const uint64_t seen = leaf_[s].load(std::memory_order_relaxed);
        if (seen == 0) continue;
        const uintptr_t address = page + ((s - first) << map.shift_);
        if ((seen & kPairFlag) == 0) {
          each(address, unpack(seen));
          continue;
        }
        for (uint32_t at = 0; at < 2; ++at) {
          const LiveBlock half = unpack_half_of(seen, at);
          if (half.site != format::SiteId::kNone) each(address + 8 * uintptr_t{at}, half);
        }
      }
    }
    // What was resident may have changed.
    void forget() { span_ = ~uintptr_t{0}; }

   private:
    void enter(const LiveMap& map, uintptr_t page);
    uintptr_t span_ = ~uintptr_t{0};
    const std::atomic<uint64_t>* leaf_ = nullptr;
    unsigned char resident_[1024] = {};
  };

  // Makes every block one of generation 0. Call in a forked child, with no other thread.
  void forget_generations();
  // Resident bytes of the leaves. Asks the kernel: one system call per leaf.
  uint64_t resident_bytes() const;

 private:
  using Slot = std::atomic<uint64_t>;

  static constexpr uint64_t kTinyBytes = 8;  // blocks up to this size may share 16 bytes
  static constexpr uint64_t kPairFlag = 1ULL << 63;
  static constexpr uint32_t kSiteBits = 20;
  static constexpr uint32_t kGenerationBits = 3;
  static constexpr uint32_t kGenerationAt = kSiteBits + 5;
  static constexpr uint32_t kSizeAt = kGenerationAt + kGenerationBits;
  static constexpr uint64_t kSiteMask = (1ULL << kSiteBits) - 1;
  static constexpr uint64_t kGenerationMask = (1ULL << kGenerationBits) - 1;
  static_assert(format::shape(format::Table::kSites).max_records() <= 1ULL << kSiteBits);

  static constexpr uint32_t kLeafBits = 22;
  static constexpr uint64_t kLeafSpan = 1ULL << kLeafBits;
  static constexpr uint64_t kSlotsPerPage = 4096 / sizeof(Slot);
  static constexpr uint32_t kMostLeafPages = (kLeafSpan >> 4) / kSlotsPerPage;
  static constexpr uint32_t kMiddleBits = 12;
  static constexpr uint32_t kDirectoryBits = 47 - kLeafBits - kMiddleBits;
  struct Middle {
    std::atomic<Slot*> leaf[1U << kMiddleBits];
  };

  static uint64_t pack(const LiveBlock& b) {
    const uint64_t bytes = b.bytes < kMostBytes ? b.bytes : kMostBytes;
    return format::index(b.site) | static_cast<uint64_t>(b.generation) << kGenerationAt |
           bytes << kSizeAt;
  }
  static LiveBlock unpack(uint64_t slot) {
    LiveBlock b;
    b.site = format::SiteId{static_cast<uint32_t>(slot & kSiteMask)};
    b.generation = static_cast<uint32_t>(slot >> kGenerationAt & kGenerationMask);
    b.bytes = slot >> kSizeAt & kMostBytes;
    return b;
  }
  // Acquire, twice: pairs with the compare-and-swap in make_slot().
  Slot* slot_at(uintptr_t address) const {
    if (__builtin_expect(address >= kAddressLimit, 0)) return nullptr;
    const Middle* middle =
        directory_[address >> (kLeafBits + kMiddleBits)].load(std::memory_order_acquire);
    if (__builtin_expect(middle == nullptr, 0)) return nullptr;
    Slot* leaf = middle->leaf[address >> kLeafBits & ((1U << kMiddleBits) - 1)].load(
        std::memory_order_acquire);
    return leaf == nullptr ? nullptr : leaf + ((address & (kLeafSpan - 1)) >> shift_);
  }
  Slot* make_slot(uintptr_t address);
  bool resident_pages(const Slot* leaf, unsigned char* resident) const;
  static LiveBlock unpack_half_of(uint64_t slot, uint32_t half);
  bool insert_slowly(uintptr_t address, const LiveBlock& block, LiveBlock& stale);
  static LiveBlock take_half(Slot& slot, uintptr_t address);
  uint64_t leaf_bytes() const { return (kLeafSpan >> shift_) * sizeof(Slot); }

  std::atomic<Middle*> directory_[1U << kDirectoryBits];
  uint32_t shift_ = 4;
};

extern LiveMap live_map;

}  // namespace mla
