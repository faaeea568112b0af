// The RSS ledger: every byte of RSS in one bucket, and what is in none as the residual.
//
//   RSS = live + rounding + allocator_metadata + allocator_pinned + allocator_free
//       + python_live + python_free + python_arenas + mappings + stacks + files + shared + mla +
//       residual
//
// A pure function of a Snapshot and of what the kernel says of the process's memory. The parts
// are those of the process's last walk (format/ledger.h). What is alive is known to the moment from
// the counters, and RSS may be newer than the walk too: what has changed since is ascribed to the
// program's mappings as far as these have grown or shrunk, and else to the heap.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "reader/snapshot.h"

namespace mla {

// RSS as the kernel reports it, at a moment of the recording.
struct MemoryNow {
  uint64_t rss_bytes = 0;
  uint64_t t_ns = 0;
};

enum class BucketKind {
  kLive,          // requested bytes of live blocks, on resident pages
  kRounding,      // what the allocator gave them on top
  kMetadata,      // headers of blocks, the allocator's tables
  kPinned,        // free, on pages that live blocks keep resident
  kFree,          // free, on pages without a live block
  kPythonLive,    // objects of CPython in its arenas, rounded up to its size classes
  kPythonFree,    // the rest of these arenas
  kPythonArenas,  // where objects are not recorded: both
  kMappings,      // other anonymous mappings of the program
  kStacks,
  kFiles,
  kShared,
  kMla,
};
inline constexpr size_t kBucketKinds = 13;

// A stable identifier, as in JSON: "live", "allocator_free".
std::string bucket_name(BucketKind kind);

struct HeldBySite {
  uint32_t site_index = 0;  // into Snapshot::sites
  uint64_t bytes = 0;
};

struct Ledger {
  uint64_t rss_bytes = 0;
  uint64_t t_ns = 0;       // of that figure, since the start of the recording
  uint64_t walked_ns = 0;  // when the process last looked at its pages
  // Between the two what is alive or resident has changed by more than 5 %: the parts of the heap
  // are then scaled from those of the walk.
  bool stale = false;
  bool heap_map = false;    // pinned and rounding are measured; else they are part of free
  bool incomplete = false;  // not all of the address space could be looked at
  std::array<uint64_t, kBucketKinds> buckets{};
  int64_t residual_bytes = 0;
  uint64_t untouched_bytes = 0;  // live but never written: not resident, in no bucket
  uint64_t live_requested = 0;   // live bucket + untouched
  uint64_t object_live = 0;      // requested, of objects in Python's arenas, none in live_requested
  uint64_t arena_bytes = 0;      // address space of Python's arenas
  uint64_t pinned_pages = 0;     // at least half free, kept by live blocks
  uint64_t stack_count = 0;
  std::vector<HeldBySite> pinned;    // sites by pinned bytes, largest first
  std::vector<HeldBySite> mappings;  // sites by resident bytes of their mappings, arenas left out

  uint64_t bucket(BucketKind kind) const { return buckets[static_cast<size_t>(kind)]; }
  // Resident memory of the serving allocator.
  uint64_t heap() const;
  // Of it, what no live block uses.
  uint64_t idle() const { return bucket(BucketKind::kPinned) + bucket(BucketKind::kFree); }
};

// Whether a site's mappings are arenas of CPython's allocator for objects of up to 512 bytes: made
// by the interpreter itself, all of 256 KiB (to 3.9) or 1 MiB. So they are told where they are not
// recorded as what they are: in 2.7, and in a Python that was loaded late.
bool is_python_arena(const Snapshot& snapshot, const Site& site);

// RSS as last recorded by the process itself, for one that cannot be asked any more.
MemoryNow last_recorded_memory(const Snapshot& snapshot);

// Needs at least one point in snapshot.ledger.
Ledger make_ledger(const Snapshot& snapshot, const MemoryNow& now);

// The ledger of an earlier walk, one of snapshot.ledger: as it would have been made then, from what
// the walk itself noted of the counters. Without the rows by call site, which are of the last one.
Ledger ledger_at(const Snapshot& snapshot, const LedgerPoint& walk);

}  // namespace mla
