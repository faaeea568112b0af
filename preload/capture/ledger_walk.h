// One walk over the resident pages of the process, in slices: format/ledger.h says what comes of
// it.
//
// What a page is, in this order, by what is known of its address:
//   mla's own          the list of own_memory.h
//   files, shared      the kernel's name of the mapping
//   arena              arena_table: of Python
//   program's mapping  mapping_table, and reservation_table with a site
//   heap               [heap]; reservation_table without a site: mapped by the serving allocator
//   stack              [stack]; from a guard page up to a thread's control block
//   .bss               behind a file's mapping, within the range the loader knows
//   heap               blocks are or were there; the place of an arena of ptmalloc2
//   stack              behind a guard page: of a thread that never allocated, or has ended
//   unknown            else
#pragma once

#include <cstdint>

#include "capture/heap_pages.h"
#include "format/format.h"
#include "segment/memory_map.h"

namespace mla {

class LedgerWalk {
 public:
  // Begins anew. False if there is no /proc or no memory.
  bool begin();
  // Goes on for about this long. True at the end.
  bool step(uint64_t budget_ns);

  // At the end: the sums, and the largest sites and files. Times and identity are the caller's.
  void store(format::LedgerRecord& record, format::LedgerDetail& detail);
  // Gives memory back that only a walk needs.
  void drop() { maps_.drop(); }

 private:
  enum class Kind { kSkip, kOwn, kHeap, kBrk, kArena, kMapping, kStack, kFile, kShared, kUnknown };
  static constexpr uint32_t kMostThreads = 1024;  // stacks of others are told by their guard page

  bool clear_sites();
  bool next_segment();
  bool next_entry();
  Kind kind_of_entry() const;
  void cut_anonymous();
  bool cut_known(uintptr_t limit);
  bool cut_stack(uintptr_t limit);
  bool cut_bss(uintptr_t limit);
  bool is_heap(uintptr_t low, uintptr_t high) const;
  bool behind_guard() const;
  void count(uint32_t pages);
  void begin_file();
  void end_file();

  MapsText maps_;
  MapEntry entry_;
  // Of the entry before:
  uintptr_t before_end_;
  uint64_t before_bytes_;
  bool before_accessible_;
  bool before_file_;
  // The piece at hand is [at_, segment_end_).
  uintptr_t at_;
  uintptr_t segment_end_;
  Kind kind_;
  uint32_t site_;

  HeapPages heap_;
  HeapPages arenas_;
  SitePages* sites_ = nullptr;
  uint64_t site_limit_;
  uint64_t site_capacity_;
  uint64_t flags_;
  uint64_t resident_[10];  // by kind
  uint64_t stack_count_;
  uint32_t thread_count_;
  uint32_t thread_at_;
  uintptr_t* threads_ = nullptr;
  uint64_t file_bytes_;  // of the file at hand
  const char* file_name_;
  uint32_t file_name_length_;
  format::LedgerFile files_[format::kLedgerFiles];

  uint64_t scratch_[PageMap::kMostPages];
  unsigned char present_[PageMap::kMostPages];
};

}  // namespace mla
