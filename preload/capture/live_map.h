// Which site a live block belongs to and how many bytes were asked for: exact, for every block.
//
// A slot is chosen by the block's address alone, so it is owned by whoever owns the block: the
// allocator does not hand an address to two callers. Therefore no lock, no search, and a plain load
// and store on each side (free() reads the slot before it calls the real free). What orders the
// accesses of two threads is the allocator's own hand-over of the address.
//
//   directory (8,192 x 16 GiB) -> middle (4,096 x 4 MiB) -> leaf of 4-byte slots
//
// One slot per 16 bytes of address space, or per 32 over ptmalloc2, whose smallest chunk is 32
// bytes: an eighth of such a heap. jemalloc, tcmalloc and mimalloc put two blocks of up to 8 bytes
// into 16: there, blocks at an odd multiple of 8 have slots of their own, in a second half of the
// leaf whose pages cost nothing where there are none.
//
//   slot:          more:2 | size:7 | generation:3 | site:20        (bit 31 first)
//   continuation:  size:12 | 0:20
//
// A byte for each slot, behind the slots of a leaf, is the block's birth label (format/cohorts.h):
// a byte each 32 over ptmalloc2, and nothing to be done when a block is freed.
//
// Of a block of 128 bytes or more the next slots are its own, too. `more` (0, 1 or 3) of them
// continue the size, each by 12 bits. A continuation is no site: when the free of a large block was
// missed and a small one now begins there, it reads as an empty slot.
//
// Rejected: one flat reservation of 64 TiB (a program that sets RLIMIT_AS or calls mlockall after
// start dies of it; VSZ frightens); a hash table (needs locks or tombstones, and misses the
// locality the heap has).
#pragma once

#include <atomic>
#include <cstdint>

#include "format/format.h"

namespace mla {

// Who gave a block out: the serving allocator; or CPython's allocator of small objects, which cuts
// them out of arenas of its own. Each kind has a live map, for objects may lie 16 bytes apart where
// the allocator's blocks do not, and an allocator's large block may be known to both by one
// address.
enum class BlockKind : uint8_t { kHeap, kObject };

struct LiveBlock {
  format::SiteId site = format::SiteId::kNone;  // kNone: there is no such block
  uint64_t bytes = 0;       // requested; larger than kMostBytes counts as kMostBytes
  uint32_t generation = 0;  // forks between the first process and the one that allocated it
  // Of a sampled block, which stands for more than itself:
  bool sampled = false;
  uint32_t blocks = 1;
  uint64_t variance = 0;
  BlockKind kind = BlockKind::kHeap;
  uint8_t label = 0;  // of its birth
};

class LiveMap {
 public:
  static constexpr uint64_t kMostBytes = (1ULL << 43) - 1;
  static constexpr uint32_t kGenerations = 8;
  static constexpr uint64_t kAddressLimit = 1ULL << 47;

  // `smallest_spacing`: 32 when blocks are never closer than 32 bytes, else 16. Once, before use.
  void configure(uint32_t smallest_spacing) {
    shift_ = smallest_spacing == 32 ? 5 : 4;
    half_slots_ = slots_of_half(shift_);
    upper_ = shift_ == 5 ? 0 : half_slots_;
  }

  // The label of what is born from now on.
  void set_birth_label(uint8_t label) { birth_label_.store(label, kRelaxed); }
  uint8_t birth_label() const { return birth_label_.load(kRelaxed); }

  // The usual case of insert(): a slot that is there and empty, a block born now. False, with
  // nothing done, in any other case.
  bool insert_plain(uintptr_t address, format::SiteId site, uint64_t bytes,
                    uint32_t generation_now) {
    Slot* leaf = leaf_of(address);
    if (__builtin_expect(leaf == nullptr, 0)) return false;
    const uint64_t at = place_of(address);
    Slot* slot = leaf + at;
    if (bytes >= kFewContinued || slot->load(kRelaxed) != 0) return false;
    labels_of(leaf)[at].store(birth_label(), kRelaxed);
    store(slot, site, bytes, generation_now);
    return true;
  }
  // The usual case of take(): a block of this generation and of usual size. False, with nothing
  // done, in any other case.
  bool take_plain(uintptr_t address, uint32_t generation_now, format::SiteId& site,
                  uint64_t& bytes) {
    Slot* slot = slot_at(address);
    if (slot == nullptr) return false;
    const uint32_t seen = slot->load(kRelaxed);
    const uint32_t more = seen >> kMoreAt;
    if ((seen & kSiteMask) == 0 || more > 1 ||
        (seen >> kGenerationAt & kGenerationMask) != generation_now) {
      return false;
    }
    site = format::SiteId{seen & kSiteMask};
    bytes = seen >> kSizeAt & kSizeMask;
    if (more != 0) {
      const uint32_t continued = slot[1].load(kRelaxed);
      if ((continued & kSiteMask) != 0) return false;
      bytes |= static_cast<uint64_t>(continued >> kContinuationAt) << kSizeBits;
      slot[1].store(0, kRelaxed);
    }
    slot->store(0, kRelaxed);
    return true;
  }

  // Enters a block. False if there is no memory for the leaf, or the address is above
  // kAddressLimit. `stale` is what the slot held: a block whose free was not seen.
  bool insert(uintptr_t address, const LiveBlock& block, LiveBlock& stale);
  // Removes and returns the block.
  LiveBlock take(uintptr_t address) {
    Slot* slot = slot_at(address);
    if (slot == nullptr) return {};
    LiveBlock block = take_from(slot);
    block.label = label_at(address);
    return block;
  }
  // Has the slot of `address` brought closer.
  void prefetch(uintptr_t address) const {
    const Slot* slot = slot_at(address);
    if (__builtin_expect(slot != nullptr, 1)) __builtin_prefetch(slot, 1);
  }
  // Returns the block and leaves it.
  LiveBlock find(uintptr_t address) const {
    const Slot* slot = slot_at(address);
    return slot == nullptr ? LiveBlock{} : unpack(slot);
  }

  // Calls each(block) for every block. Reads only resident pages. What other threads do meanwhile
  // may be seen or not; the size of a block that is just entered may be seen in part.
  template <class Each>
  void for_each(Each each) const {
    for (const std::atomic<Middle*>& up : directory_) {
      const Middle* middle = up.load(std::memory_order_acquire);
      for (uint32_t i = 0; middle != nullptr && i < 1U << kMiddleBits; ++i) {
        const Slot* leaf = middle->leaf[i].load(std::memory_order_acquire);
        unsigned char resident[kMostLeafPages];
        if (leaf == nullptr || !resident_pages(leaf, resident)) continue;
        for (uint64_t s = 0; s < slots_of_leaf(); ++s) {
          if ((s & (kSlotsPerPage - 1)) == 0 && (resident[s / kSlotsPerPage] & 1) == 0) {
            s += kSlotsPerPage - 1;
            continue;
          }
          const LiveBlock block = unpack(leaf + s);
          if (block.site != format::SiteId::kNone) each(block);
        }
      }
    }
  }

  // Whether a block was ever entered in [low, high), to the 32 KiB. Asks the kernel: one system
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
      for (const unsigned eight : {0U, 8U}) {
        if (eight != 0 && map.upper_ == 0) break;
        const uint64_t from = first + (eight != 0 ? map.upper_ : 0);
        if ((resident_[from / kSlotsPerPage] & 1) == 0) continue;
        const uintptr_t address = page + eight;
        for (uint64_t s = 0; s < 4096U >> map.shift_; ++s) {
          const LiveBlock block = unpack(leaf_ + from + s);
          if (block.site != format::SiteId::kNone) each(address + (s << map.shift_), block);
        }
      }
    }
    // What was resident may have changed.
    void forget() { span_ = ~uintptr_t{0}; }

   private:
    void enter(const LiveMap& map, uintptr_t page);
    uintptr_t span_ = ~uintptr_t{0};
    const std::atomic<uint32_t>* leaf_ = nullptr;
    unsigned char resident_[2 * (1 + (1 << 22) / 16 / 1024)] = {};  // kMostLeafPages
  };

  // A walk over all blocks in pieces: what a census does. Reads only resident pages; what other
  // threads do meanwhile may be seen or not.
  class Scan {
   public:
    void begin() { directory_at_ = middle_at_ = page_at_ = 0; }
    // Goes on over about `pages` pages of slots, at most one leaf at a time; each(block) gets site,
    // generation and label, and the bytes of blocks that are not just being entered. True at the
    // end.
    template <class Each>
    bool step(const LiveMap& map, uint32_t pages, Each each) {
      const Slot* leaf = next_leaf(map);
      if (leaf == nullptr) return true;
      unsigned char resident[kMostLeafPages];
      const uint64_t all = map.slots_of_leaf() / kSlotsPerPage;
      if (!map.resident_pages(leaf, resident)) page_at_ = all;
      for (; pages > 0 && page_at_ < all; ++page_at_) {
        if ((resident[page_at_] & 1) == 0) continue;
        --pages;
        const uint64_t first = page_at_ * kSlotsPerPage;
        for (uint64_t s = first; s < first + kSlotsPerPage; ++s) {
          if ((leaf[s].load(kRelaxed) & kSiteMask) == 0) continue;
          LiveBlock block = unpack(leaf + s);
          if (block.site == format::SiteId::kNone) continue;
          block.label = map.labels_of(leaf)[s].load(kRelaxed);
          each(block);
        }
      }
      if (page_at_ >= all) {
        page_at_ = 0;
        ++middle_at_;
      }
      return false;
    }

   private:
    const std::atomic<uint32_t>* next_leaf(const LiveMap& map);
    uint32_t directory_at_ = 0;
    uint32_t middle_at_ = 0;
    uint64_t page_at_ = 0;
  };

  // Makes every block one of generation 0. Call in a forked child, with no other thread.
  void forget_generations();
  // Resident bytes of the leaves. Asks the kernel: one system call per leaf.
  uint64_t resident_bytes() const;

 private:
  using Slot = std::atomic<uint32_t>;
  using Label = std::atomic<uint8_t>;

  static constexpr auto kRelaxed = std::memory_order_relaxed;
  static constexpr uint32_t kSiteBits = 20;
  static constexpr uint32_t kGenerationBits = 3;
  static constexpr uint32_t kSizeBits = 7;
  static constexpr uint32_t kGenerationAt = kSiteBits;
  static constexpr uint32_t kSizeAt = kGenerationAt + kGenerationBits;
  static constexpr uint32_t kMoreAt = kSizeAt + kSizeBits;
  static constexpr uint32_t kSiteMask = (1U << kSiteBits) - 1;
  static constexpr uint32_t kGenerationMask = (1U << kGenerationBits) - 1;
  static constexpr uint32_t kSizeMask = (1U << kSizeBits) - 1;
  static constexpr uint32_t kContinuationAt = kSiteBits;
  static constexpr uint32_t kContinuationBits = 32 - kContinuationAt;
  static constexpr uint32_t kContinuationMask = (1U << kContinuationBits) - 1;
  static constexpr uint32_t kMostContinuations = 3;
  static constexpr uint64_t kContinued = 1ULL << kSizeBits;  // from this size on
  static constexpr uint64_t kFewContinued = kContinued << kContinuationBits;
  static_assert(kMostBytes + 1 == kFewContinued << 2 * kContinuationBits);
  static_assert(kContinued >= (1 + kMostContinuations) * 32);  // they lie within the block
  static_assert(kGenerations == 1U << kGenerationBits);
  static_assert(format::shape(format::Table::kSites).max_records() <= 1ULL << kSiteBits);

  static constexpr uint32_t kLeafBits = 22;
  static constexpr uint64_t kLeafSpan = 1ULL << kLeafBits;
  static constexpr uint64_t kSlotsPerPage = 4096 / sizeof(Slot);
  // With a spare page at the end, for the continuations of a block that begins at the last slot.
  static uint64_t slots_of_half(uint32_t shift) { return (kLeafSpan >> shift) + kSlotsPerPage; }
  static_assert(kMostContinuations <= kSlotsPerPage);
  static constexpr uint32_t kMostLeafPages = 2 * ((kLeafSpan >> 4) / kSlotsPerPage + 1);
  static constexpr uint32_t kMiddleBits = 12;
  static constexpr uint32_t kDirectoryBits = 47 - kLeafBits - kMiddleBits;
  struct Middle {
    std::atomic<Slot*> leaf[1U << kMiddleBits];
  };

  static uint32_t pack(format::SiteId site, uint64_t bytes, uint32_t forks, uint32_t more) {
    return format::index(site) | forks << kGenerationAt |
           static_cast<uint32_t>(bytes & kSizeMask) << kSizeAt | more << kMoreAt;
  }
  // bytes below kFewContinued; the slot and its continuation were empty.
  static void store(Slot* slot, format::SiteId site, uint64_t bytes, uint32_t forks) {
    const uint32_t more = bytes >= kContinued ? 1 : 0;
    if (more != 0)
      slot[1].store(static_cast<uint32_t>(bytes >> kSizeBits) << kContinuationAt, kRelaxed);
    slot->store(pack(site, bytes, forks, more), kRelaxed);
  }
  static LiveBlock unpack(const Slot* slot);
  static LiveBlock take_from(Slot* slot);
  // Acquire, twice: pairs with the compare-and-swap in make_slot().
  Slot* leaf_of(uintptr_t address) const {
    if (__builtin_expect(address >= kAddressLimit, 0)) return nullptr;
    const Middle* middle =
        directory_[address >> (kLeafBits + kMiddleBits)].load(std::memory_order_acquire);
    if (__builtin_expect(middle == nullptr, 0)) return nullptr;
    return middle->leaf[address >> kLeafBits & ((1U << kMiddleBits) - 1)].load(
        std::memory_order_acquire);
  }
  uint64_t place_of(uintptr_t address) const {
    return ((address & (kLeafSpan - 1)) >> shift_) + ((address & 8) != 0 ? upper_ : 0);
  }
  Slot* slot_at(uintptr_t address) const {
    Slot* leaf = leaf_of(address);
    return leaf == nullptr ? nullptr : leaf + place_of(address);
  }
  Label* labels_of(const Slot* leaf) const {
    return reinterpret_cast<Label*>(const_cast<Slot*>(leaf) + slots_of_leaf());
  }
  uint8_t label_at(uintptr_t address) const {
    const Slot* leaf = leaf_of(address);
    return leaf == nullptr ? 0 : labels_of(leaf)[place_of(address)].load(kRelaxed);
  }
  Slot* make_slot(uintptr_t address);
  bool resident_pages(const Slot* leaf, unsigned char* resident) const;
  static bool any_resident(const Slot* first, const Slot* last);
  uint64_t slots_of_leaf() const { return half_slots_ + upper_; }
  uint64_t leaf_bytes() const { return slots_of_leaf() * (sizeof(Slot) + sizeof(Label)); }

  std::atomic<Middle*> directory_[1U << kDirectoryBits];
  uint32_t shift_ = 4;
  std::atomic<uint8_t> birth_label_{0};  // beside what every look-up reads
  uint64_t half_slots_ = (kLeafSpan >> 4) + kSlotsPerPage;
  uint64_t upper_ = half_slots_;  // where the slots for odd multiples of 8 begin; 0: there are none
};

extern LiveMap live_map;
extern LiveMap object_map;

inline LiveMap& map_of(BlockKind kind) { return kind == BlockKind::kHeap ? live_map : object_map; }

}  // namespace mla
