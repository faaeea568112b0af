// A thread's own part of the counters, and what it keeps so as not to look things up twice.
//
// * One writer: the thread it is attached to. It passes to another thread when that one has ended;
//   its counters stay and go on counting, since sites, not threads, are what they are kept by.
// * Counter records are claimed when the thread first touches a site, so a hundred threads of
// twenty
//   thousand sites cost what they use, not two million records.
#pragma once

#include <atomic>
#include <cstdint>

#include "capture/python_stack.h"
#include "capture/sampling.h"
#include "capture/stack_memo.h"
#include "capture/tag_cache.h"
#include "capture/thread_local.h"
#include "format/format.h"
#include "segment/segment.h"

namespace mla {

struct Shard {
  static constexpr uint32_t kSitesPerLeaf = 1024;
  static constexpr uint32_t kLeaves = 1024;
  static constexpr uint32_t kEventsPerRefresh = 64;
  static constexpr uint64_t kBytesPerRefresh = 32 * 1024;

  std::atomic<uint32_t> attached;  // 0 free, 1 in use
  uint32_t index;
  uint32_t tid;
  uint32_t thread_record;      // index in Table::kThreads, 0: none
  uintptr_t thread_pointer;    // of the attached thread: lies at the end of its stack's mapping
  Shard* next;                 // list of all shards, never shortened
  format::CounterRecord* run;  // claimed and not yet used
  uint32_t run_left;
  uint32_t events_left;  // until the next refresh
  // Since the last refresh of the totals in the header and the thread's record.
  uint64_t alloc_bytes;
  uint64_t alloc_count;
  uint64_t freed_bytes;
  uint64_t freed_count;
  uint64_t object_bytes;  // of them alive, of BlockKind::kObject; modulo 2^64
  uint64_t name_read_ns;
  uint64_t sampled_at_interval;  // of the distance this thread is counting down; 0: none yet
  uint32_t slow_frees;           // with sampling, those that had to be looked up
  SampleRandom random;
  uint64_t captures;
  uint32_t* counters[kLeaves];  // site -> offset of this shard's CounterRecord, 0: none
  StackMemo memo;
  PythonMemo python;
  TagCache sites;       // of stacks with a Python part, by what the two are known by
  CapturedStack stack;  // these two for MLA_UNWIND_CHECK
  CapturedStack reference;
};

// Adds to a counter that only this thread writes: no read-modify-write instruction is needed, only
// that readers see whole values.
inline void bump(std::atomic<uint64_t>& counter, uint64_t by) {
  counter.store(counter.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
}

// Attaches the calling thread to a shard; nullptr when there is no memory.
Shard* attach_shard();

// The calling thread's shard, attached if need be; nullptr when there is no memory.
inline Shard* current_shard() {
  Shard* shard = thread_local_state.shard;
  return __builtin_expect(shard != nullptr, 1) ? shard : attach_shard();
}

// Claims this shard's counters of a site; nullptr when the table is full.
format::CounterRecord* new_counter(Shard& shard, format::SiteId site);

// This shard's counters of a site; nullptr when the table is full.
inline format::CounterRecord* counter_of(Shard& shard, format::SiteId site) {
  const uint32_t id = format::index(site);
  const uint32_t* leaf = shard.counters[id / Shard::kSitesPerLeaf];
  const uint32_t offset = leaf == nullptr ? 0 : leaf[id % Shard::kSitesPerLeaf];
  return __builtin_expect(offset != 0, 1) ? segment.at_offset<format::CounterRecord>(offset)
                                          : new_counter(shard, site);
}

// Brings the header's totals, the peak and the thread's record up to date.
void refresh_totals(Shard& shard);

// Refreshes the name of the attached thread, once a second. `now_ns`: of CLOCK_MONOTONIC.
void refresh_thread_name(Shard& shard, uint64_t now_ns);

// Thread pointers of the threads that are attached, the first thread left out, ascending; how many
// (at most `most`).
uint32_t thread_pointers(uintptr_t* to, uint32_t most);

// Detaches threads from their shards when they end. Call once, from the constructor.
void watch_thread_ends();

// Resident bytes of all shards. Asks the kernel: one system call each.
uint64_t resident_shard_bytes();

// In a forked child: the shards of threads that do not exist any more are free, all are empty.
// Whether the parent had more than this one thread that allocates.
bool reset_shards_after_fork();

}  // namespace mla
