#include "capture/ledger_walk.h"

#include <dlfcn.h>

#include "capture/allocator_service.h"
#include "capture/arenas.h"
#include "capture/mappings.h"
#include "capture/sampler.h"
#include "capture/shard.h"
#include "segment/own_memory.h"
#include "segment/segment.h"
#include "segment/sys.h"
#include "segment/text.h"

namespace mla {

namespace {

using format::LedgerFlag;
using format::Table;

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr uintptr_t kPage = 4096;
constexpr uint64_t kMostSites = format::shape(Table::kSites).max_records();

uintptr_t round_up(uintptr_t address) { return (address + kPage - 1) & ~(kPage - 1); }
uint64_t flag(LedgerFlag f) { return static_cast<uint64_t>(f); }

// Size classes of CPython's allocator, from 3.7 on.
uint64_t object_usable(uintptr_t, uint64_t requested) {
  return requested == 0 ? 16 : (requested + 15) & ~uint64_t{15};
}

// Tables of the largest keep them so: what is larger than the smallest row replaces it.
template <class Row, class Value>
Row* smallest_row(Row* rows, uint32_t count, Value value_of) {
  Row* smallest = rows;
  for (uint32_t i = 1; i < count; ++i) {
    if (value_of(rows[i]) < value_of(*smallest)) smallest = rows + i;
  }
  return smallest;
}

}  // namespace

bool LedgerWalk::begin() {
  if (threads_ == nullptr)
    threads_ = static_cast<uintptr_t*>(own_reserve(kMostThreads * sizeof(uintptr_t)));
  if (threads_ == nullptr || !clear_sites() || !maps_.read()) return false;
  heap_.begin(live_map, allocator_service.usable, allocator_service.header_bytes, sites_,
              site_limit_);
  arenas_.begin(object_map, object_usable, 0, nullptr, 0);
  entry_ = {};
  before_end_ = before_bytes_ = 0;
  before_accessible_ = before_file_ = false;
  at_ = segment_end_ = 0;
  kind_ = Kind::kSkip;
  site_ = 0;
  flags_ = 0;
  __builtin_memset(resident_, 0, sizeof resident_);
  stack_count_ = 0;
  thread_count_ = thread_pointers(threads_, kMostThreads);
  thread_at_ = 0;
  file_bytes_ = 0;
  file_name_ = nullptr;
  file_name_length_ = 0;
  __builtin_memset(files_, 0, sizeof files_);
  return true;
}

// Room for all sites there are: not for all there may be, which mlockall() would make resident.
bool LedgerWalk::clear_sites() {
  site_limit_ = segment.header().claimed[static_cast<uint32_t>(Table::kSites)].load(kRelaxed);
  if (site_limit_ > kMostSites) site_limit_ = kMostSites;
  if (site_limit_ > site_capacity_) {
    constexpr uint64_t kFirst = 4096;
    // A child may be forked at any instruction of this: what it finds must be its own, and as large
    // as it is said to be. So the size is given up first and set last.
    SitePages* const old = sites_;
    const uint64_t old_capacity = site_capacity_;
    site_capacity_ = 0;
    std::atomic_signal_fence(std::memory_order_seq_cst);
    sites_ = nullptr;
    std::atomic_signal_fence(std::memory_order_seq_cst);
    if (old != nullptr) own_unmap(old, old_capacity * sizeof(SitePages));
    const uint64_t capacity = site_limit_ < kFirst / 2 ? kFirst : site_limit_ * 2;
    sites_ = static_cast<SitePages*>(own_reserve(capacity * sizeof(SitePages)));
    std::atomic_signal_fence(std::memory_order_seq_cst);
    if (sites_ != nullptr) site_capacity_ = capacity;
    return sites_ != nullptr;
  }
  const uint64_t bytes = site_capacity_ * sizeof(SitePages);
  if (sys::madvise(sites_, bytes, MADV_DONTNEED) != 0) __builtin_memset(sites_, 0, bytes);
  return true;
}

bool LedgerWalk::step(uint64_t budget_ns) {
  const uint64_t end = sys::now_ns(CLOCK_MONOTONIC) + budget_ns;
  PageMap page_map;
  heap_.resume();
  arenas_.resume();
  for (;;) {
    if (at_ >= segment_end_) {
      if (!next_segment()) break;
      if (kind_ == Kind::kSkip) {
        at_ = segment_end_;
        continue;
      }
    }
    // Heap pages cost most: the clock is read every 256 of them.
    const bool with_blocks = kind_ == Kind::kHeap || kind_ == Kind::kBrk || kind_ == Kind::kArena;
    const uint32_t most = with_blocks ? 256 : PageMap::kMostPages;
    const uint64_t left = (segment_end_ - at_) / kPage;
    const uint32_t pages = left < most ? static_cast<uint32_t>(left) : most;
    if (page_map.residents(at_, pages, kind_ != Kind::kFile && kind_ != Kind::kShared, scratch_,
                           present_)) {
      count(pages);
    }
    if (page_map.failed()) flags_ |= flag(LedgerFlag::kNoPagemap);
    at_ += pages * kPage;
    if (sys::now_ns(CLOCK_MONOTONIC) >= end) return false;
  }
  end_file();
  if (maps_.cut()) flags_ |= flag(LedgerFlag::kMapsCut);
  if (own_ranges_incomplete()) flags_ |= flag(LedgerFlag::kRangesFull);
  if (segment.header().ever_sampled.load(kRelaxed) == 0) flags_ |= flag(LedgerFlag::kHeapMap);
  if (segment.header().python.load(kRelaxed) == static_cast<uint32_t>(format::PythonMode::kObjects))
    flags_ |= flag(LedgerFlag::kObjects);
  return true;
}

void LedgerWalk::count(uint32_t pages) {
  uint64_t resident = 0;
  const bool heap = kind_ == Kind::kHeap || kind_ == Kind::kBrk;
  for (uint32_t i = 0; i < pages; ++i) {
    resident += present_[i];
    if (heap) heap_.count(at_ + i * kPage, present_[i] != 0);
    if (kind_ == Kind::kArena) arenas_.count(at_ + i * kPage, present_[i] != 0);
  }
  resident *= kPage;
  resident_[static_cast<uint32_t>(kind_)] += resident;
  if (kind_ == Kind::kMapping && site_ < site_limit_) sites_[site_].resident += resident;
  if (kind_ == Kind::kFile) file_bytes_ += resident;
}

bool LedgerWalk::next_entry() {
  before_end_ = entry_.end;
  before_bytes_ = entry_.end - entry_.start;
  before_accessible_ = entry_.accessible;
  before_file_ = entry_.name_length != 0 && entry_.name[0] == '/' && !entry_.shared;
  if (!maps_.next(entry_)) return false;
  at_ = entry_.start;
  return true;
}

LedgerWalk::Kind LedgerWalk::kind_of_entry() const {
  if (!entry_.accessible) return Kind::kSkip;
  const OwnRange own = next_own_range(entry_.start);
  if (own.start != 0 && own.start <= entry_.start && own.end >= entry_.end) return Kind::kOwn;
  const bool memory_of_kernel = (entry_.starts_with("/dev/") && !entry_.starts_with("/dev/shm/") &&
                                 !entry_.starts_with("/dev/zero")) ||
                                entry_.starts_with("/anon_hugepage") ||
                                entry_.starts_with("anon_inode:");
  if (memory_of_kernel) return Kind::kSkip;  // not in RSS
  if (entry_.shared) {
    const bool file = entry_.name_length != 0 && entry_.name[0] == '/' &&
                      !entry_.starts_with("/memfd:") && !entry_.starts_with("/dev/") &&
                      !entry_.starts_with("/SYSV");
    return file ? Kind::kFile : Kind::kShared;
  }
  if (entry_.starts_with("/memfd:") || entry_.starts_with("/dev/")) return Kind::kShared;
  if (entry_.starts_with("/")) return Kind::kFile;
  if (entry_.is_named("[heap]")) return Kind::kBrk;
  if (entry_.is_named("[stack]")) return Kind::kStack;
  const bool anonymous = entry_.name_length == 0 || entry_.starts_with("[anon:");
  return anonymous ? Kind::kUnknown : Kind::kSkip;
}

// The next piece of one kind. False at the end of the address space.
bool LedgerWalk::next_segment() {
  const bool fresh = segment_end_ == entry_.end;
  if (fresh && !next_entry()) return false;
  segment_end_ = entry_.end;
  site_ = 0;
  if (fresh) {
    kind_ = kind_of_entry();
    if (kind_ == Kind::kFile) begin_file();
    if (kind_ == Kind::kStack) ++stack_count_;
    if (kind_ != Kind::kUnknown) return true;
  }
  cut_anonymous();
  return true;
}

// Memory of no name from at_ on, up to segment_end_: its first piece of one kind.
void LedgerWalk::cut_anonymous() {
  const uintptr_t limit = segment_end_;
  kind_ = Kind::kUnknown;
  if (cut_known(limit) || cut_stack(segment_end_) || cut_bss(segment_end_)) return;
  if (is_heap(at_, segment_end_)) {
    kind_ = Kind::kHeap;
  } else if (at_ == entry_.start && behind_guard()) {
    kind_ = Kind::kStack;
    ++stack_count_;
  }
}

// True if the piece is in one of the lists of ranges; else segment_end_ is where the next one
// begins.
bool LedgerWalk::cut_known(uintptr_t limit) {
  const auto holds = [&](uintptr_t start, uintptr_t end) {
    if (start > at_) {
      if (start < segment_end_) segment_end_ = start;
      return false;
    }
    segment_end_ = end < limit ? end : limit;
    return true;
  };
  const OwnRange own = next_own_range(at_);
  if (own.end != 0 && holds(own.start, own.end)) {
    kind_ = Kind::kOwn;
    return true;
  }
  Mapping mapping{};
  if (arena_table.next(at_, mapping) && holds(mapping.start, mapping.end)) {
    kind_ = Kind::kArena;
    return true;
  }
  if (mapping_table.next(at_, mapping) && holds(mapping.start, mapping.end)) {
    kind_ = Kind::kMapping;
    site_ = format::index(mapping.site);
    return true;
  }
  if (reservation_table.next(at_, mapping) && holds(mapping.start, mapping.end)) {
    site_ = format::index(mapping.site);
    kind_ = mapping.site == format::SiteId::kNone ? Kind::kHeap : Kind::kMapping;
    return true;
  }
  return false;
}

bool LedgerWalk::behind_guard() const {
  constexpr uint64_t kLargestGuard = 64 * 1024;
  return before_end_ == entry_.start && !before_accessible_ && before_bytes_ <= kLargestGuard;
}

// glibc puts a thread's control block at the upper end of its stack; its stack pointer may be
// anywhere below.
bool LedgerWalk::cut_stack(uintptr_t limit) {
  constexpr uintptr_t kControlBlock = 2304;  // sizeof(struct pthread), glibc 2.36
  while (thread_at_ < thread_count_ && threads_[thread_at_] < at_) ++thread_at_;
  if (thread_at_ == thread_count_ || threads_[thread_at_] >= limit) return false;
  const uintptr_t end = round_up(threads_[thread_at_] + kControlBlock);
  if (at_ != entry_.start || (!behind_guard() && is_heap(at_, threads_[thread_at_]))) return false;
  ++thread_at_;
  kind_ = Kind::kStack;
  ++stack_count_;
  segment_end_ = end < limit ? end : limit;
  return true;
}

bool LedgerWalk::cut_bss(uintptr_t limit) {
  if (at_ != entry_.start || !before_file_ || before_end_ != entry_.start) return false;
  struct dl_find_object found;
  if (_dl_find_object(reinterpret_cast<void*>(at_), &found) != 0) return false;
  const uintptr_t end = round_up(reinterpret_cast<uintptr_t>(found.dlfo_map_end));
  if (end <= at_) return false;
  kind_ = Kind::kFile;  // the one before
  segment_end_ = end < limit ? end : limit;
  return true;
}

bool LedgerWalk::is_heap(uintptr_t low, uintptr_t high) const {
  const uint64_t alignment = allocator_service.heap_alignment;
  if (alignment != 0 && (low & (alignment - 1)) == 0) return true;
  return (exact_blocks_exist.load(kRelaxed) && live_map.ever_held(low, high)) ||
         sample_table.may_hold_any(low, high);
}

void LedgerWalk::begin_file() {
  if (file_name_ != nullptr && entry_.name_length == file_name_length_ &&
      __builtin_memcmp(entry_.name, file_name_, file_name_length_) == 0) {
    return;
  }
  end_file();
  file_name_ = entry_.name;
  file_name_length_ = entry_.name_length;
}

void LedgerWalk::end_file() {
  if (file_name_ != nullptr && file_bytes_ != 0) {
    constexpr uint32_t kMost = sizeof(format::LedgerFile::path) - 1;
    format::LedgerFile* row = smallest_row(files_, format::kLedgerFiles,
                                           [](const format::LedgerFile& f) { return f.resident; });
    if (row->resident < file_bytes_) {
      const uint32_t cut = file_name_length_ > kMost ? file_name_length_ - kMost : 0;
      __builtin_memset(row, 0, sizeof *row);
      row->resident = file_bytes_;
      __builtin_memcpy(row->path, file_name_ + cut, file_name_length_ - cut);
    }
  }
  file_bytes_ = 0;
  file_name_ = nullptr;
}

void LedgerWalk::store(format::LedgerRecord& record, format::LedgerDetail& detail) {
  const auto resident = [this](Kind kind) { return resident_[static_cast<uint32_t>(kind)]; };
  const HeapSums& heap = heap_.sums();
  record.flags = flags_;
  record.heap_resident = resident(Kind::kHeap) + resident(Kind::kBrk);
  record.brk_resident = resident(Kind::kBrk);
  record.live_bytes = heap.live_bytes;
  record.live_blocks = heap.live_blocks;
  record.touched_bytes = heap.touched_bytes;
  record.rounding_bytes = heap.rounding_bytes;
  record.overhead_bytes = heap.overhead_bytes;
  record.free_pages = heap.free_pages;
  record.pinned_free = heap.pinned_free;
  record.pinned_pages = heap.pinned_pages;
  record.full_pages = heap.full_pages;
  record.mapping_resident = resident(Kind::kMapping);
  record.stack_resident = resident(Kind::kStack);
  record.stack_count = stack_count_;
  record.file_resident = resident(Kind::kFile);
  record.shared_resident = resident(Kind::kShared);
  record.own_resident = resident(Kind::kOwn);
  record.unknown_resident = resident(Kind::kUnknown);
  const HeapSums& objects = arenas_.sums();
  record.arena_resident = resident(Kind::kArena);
  record.arena_bytes = arena_bytes();
  record.object_live_bytes = objects.live_bytes;
  record.object_live_blocks = objects.live_blocks;
  record.object_touched = objects.touched_bytes;
  record.object_rounding = objects.rounding_bytes;
  record.arena_pinned_free = objects.pinned_free;
  record.arena_free_pages = objects.free_pages;
  __builtin_memcpy(detail.file, files_, sizeof files_);
  __builtin_memset(detail.site, 0, sizeof detail.site);
  const auto value_of = [](const format::LedgerSite& s) { return s.pinned + s.resident; };
  format::LedgerSite* row = detail.site;
  uint64_t least = 0;
  for (uint64_t site = 1; site < site_limit_; ++site) {
    if (sites_[site].pinned + sites_[site].resident <= least) continue;
    *row = {static_cast<uint32_t>(site), 0, sites_[site].pinned, sites_[site].resident};
    row = smallest_row(detail.site, format::kLedgerSites, value_of);
    least = value_of(*row);
  }
}

}  // namespace mla
