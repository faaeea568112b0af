// Where the resident memory of the process was, at one time: what `mla why` adds up.
//
// Every resident page of the address space was counted once, in one of the sums from heap_resident
// to unknown_resident; the parts of heap_resident are those from touched_bytes to pinned_free.
// The walk that finds this is cut into slices, so a record holds what was seen between started_ns
// and t_ns; rss_begin and rss_end are the kernel's figure at both ends.
//
// Of Python's arenas the parts are object_touched to arena_free_pages, if objects are recorded
// (LedgerFlag::kObjects) and all of them are (kHeapMap); else only arena_resident is known.
//
//   heap_resident = touched_bytes + rounding_bytes + overhead_bytes + pinned_free + free_pages
//   arena_resident = object_touched + object_rounding + arena_pinned_free + arena_free_pages
#pragma once

#include <atomic>
#include <cstdint>

#include "format/layout.h"
#include "format/records.h"

namespace mla::format {

enum class LedgerFlag : uint64_t {
  kHeapMap = 1,      // every live block was known: the parts of heap_resident are measured
  kMapsCut = 2,      // more mappings than could be read: the rest is in no sum
  kNoPagemap = 4,    // /proc/self/pagemap was not readable: files are in no sum
  kStatistics = 8,   // the allocator's own figures are there
  kRangesFull = 16,  // more mappings of mla's own than it keeps a list of
  kObjects = 32,     // Python's objects are recorded
};

// The serving allocator's own figures in bytes, 0 where it has none; see docs/why.md.
struct AllocatorStatistics {
  uint64_t allocated;  // given out, rounded up as it does
  uint64_t heap;       // of address space taken for blocks
  uint64_t metadata;   // its own tables, resident
  uint64_t free_kept;  // free and kept resident: dirty pages, page heap, bins
  uint64_t returned;   // free and given back to the kernel, address space kept
  uint64_t cached;     // free, in the caches of threads and between them
  uint64_t arenas;     // how many heaps it spreads its blocks over
};

// Publish: t_ns (0 = slot empty). Slots are in no order.
struct LedgerRecord {
  std::atomic<uint64_t> t_ns;  // since start_monotonic_ns: end of the walk
  uint64_t started_ns;
  uint64_t cost_ns;  // CPU time of the slices
  uint64_t slices;
  uint64_t longest_ns;  // CPU time of one slice
  uint64_t flags;       // LedgerFlag
  uint64_t detail;      // 1 or 2: the LedgerDetail of the same t_ns, until a later walk reuses it
  uint64_t rss_begin;
  uint64_t rss_end;

  uint64_t heap_resident;  // pages of the serving allocator
  uint64_t brk_resident;   // those of them in [heap]: the main arena of ptmalloc2
  uint64_t live_bytes;     // requested, of the blocks met
  uint64_t live_blocks;
  uint64_t touched_bytes;   // of live_bytes, those on resident pages
  uint64_t rounding_bytes;  // usable - requested, on resident pages
  uint64_t overhead_bytes;  // headers of blocks, on resident pages
  uint64_t free_pages;      // bytes of resident pages without a live block
  uint64_t pinned_free;     // free bytes of resident pages that live blocks hold
  uint64_t pinned_pages;    // such pages that are at least half free
  uint64_t full_pages;      // pages with a live block that are less than half free

  uint64_t mapping_resident;  // anonymous mappings made by the program
  uint64_t stack_resident;
  uint64_t stack_count;
  uint64_t file_resident;    // programs, libraries and files, with their .bss
  uint64_t shared_resident;  // shared anonymous memory, memfd, /dev/shm
  uint64_t own_resident;     // mla's own
  uint64_t unknown_resident;

  uint64_t mapped_bytes;  // SegmentHeader::mapped_bytes at t_ns

  uint64_t statistics_ns;  // when `allocator` was read; 0: never
  uint64_t statistics_cost_ns;
  AllocatorStatistics allocator;

  uint64_t arena_resident;     // pages of Python's arenas
  uint64_t arena_bytes;        // of address space in them
  uint64_t object_live_bytes;  // requested, of the objects met in them
  uint64_t object_live_blocks;
  uint64_t object_touched;  // as for the heap; the headers of pools count as free
  uint64_t object_rounding;
  uint64_t arena_pinned_free;
  uint64_t arena_free_pages;
  uint64_t object_bytes;  // SegmentHeader::object_bytes at t_ns
  uint64_t reserved[18];
};
static_assert(sizeof(LedgerRecord) == 512);
inline constexpr uint32_t kLedgerSlots = 32;

// A call site and the pages it holds: for heap sites `pinned` is their share of pinned_free, for
// mapping sites `resident` what is resident of their mappings.
struct LedgerSite {
  uint32_t site;  // SiteId; 0: row not used
  uint32_t reserved;
  uint64_t pinned;
  uint64_t resident;
};
static_assert(sizeof(LedgerSite) == 24);

struct LedgerFile {
  uint64_t resident;  // 0: row not used
  char path[120];     // its last 119 bytes, NUL-terminated
};
static_assert(sizeof(LedgerFile) == 128);

inline constexpr uint32_t kLedgerSites = 168;
inline constexpr uint32_t kLedgerFiles = 32;

// The largest sites and files of one record; no order. Publish: t_ns.
struct LedgerDetail {
  std::atomic<uint64_t> t_ns;
  uint64_t reserved[7];
  LedgerSite site[kLedgerSites];
  LedgerFile file[kLedgerFiles];
};
static_assert(sizeof(LedgerDetail) == 8192);

struct LedgerPart {
  LedgerRecord record[kLedgerSlots];
  LedgerDetail detail[2];
};
static_assert(sizeof(LedgerPart) == kLedgerBlocks * kBlockBytes);

}  // namespace mla::format
