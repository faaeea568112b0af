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
// bytes. jemalloc, tcmalloc and mimalloc put two blocks of up to 8 bytes into 16: the slot then holds a
// pair, and is updated by compare-and-swap.
//
//   single: 0 | size:35 | generation:3 | 0:5 | site:20        (bit 63 first)
//   pair:   1 | 0:9 | size:4 generation:3 site:20 | the same for the block at the lower address
//
// Rejected: one flat reservation of 64 TiB (a program that sets RLIMIT_AS or calls mlockall after start
// dies of it; VSZ frightens); a hash table (needs locks or tombstones, and misses the locality the
// heap has).
#pragma once

#include <atomic>
#include <cstdint>

#include "format/format.h"

namespace mla {

struct LiveBlock {
  format::SiteId site = format::SiteId::kNone;  // kNone: there is no such block
  uint64_t bytes = 0;       // requested; larger than kMostBytes counts as kMostBytes
  uint32_t generation = 0;  // forks between the first process and the one that allocated it
};

class LiveMap {
 public:
  static constexpr uint64_t kMostBytes = (1ULL << 35) - 1;
  static constexpr uint32_t kGenerations = 8;
  static constexpr uint64_t kAddressLimit = 1ULL << 47;

  // `smallest_spacing`: 32 when blocks are never closer than 32 bytes, else 16. Once, before use.
  void configure(uint32_t smallest_spacing) { shift_ = smallest_spacing == 32 ? 5 : 4; }

  // Enters a block. False if there is no memory for the leaf, or the address is above kAddressLimit.
  // `stale` is what the slot held: a block whose free was not seen.
  bool insert(uintptr_t address, const LiveBlock& block, LiveBlock& stale);
  // Removes and returns the block.
  LiveBlock take(uintptr_t address);
  // Returns the block and leaves it.
  LiveBlock find(uintptr_t address) const;

  // Makes every block one of generation 0. Call in a forked child, with no other thread.
  void forget_generations();
  // Resident bytes of the leaves. Asks the kernel: one system call per leaf.
  uint64_t resident_bytes() const;

 private:
  using Slot = std::atomic<uint64_t>;
  struct Middle;

  Slot* slot_at(uintptr_t address) const;
  Slot* make_slot(uintptr_t address);
  uint64_t leaf_bytes() const { return (kLeafSpan >> shift_) * sizeof(Slot); }

  static constexpr uint32_t kLeafBits = 22;
  static constexpr uint64_t kLeafSpan = 1ULL << kLeafBits;
  static constexpr uint32_t kMiddleBits = 12;
  static constexpr uint32_t kDirectoryBits = 47 - kLeafBits - kMiddleBits;

  struct Middle {
    std::atomic<Slot*> leaf[1U << kMiddleBits];
  };
  std::atomic<Middle*> directory_[1U << kDirectoryBits];
  uint32_t shift_ = 4;
};

extern LiveMap live_map;

}  // namespace mla
