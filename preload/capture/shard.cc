#include "capture/shard.h"

#include <pthread.h>
#include <sys/prctl.h>

#include "capture/peak.h"
#include "capture/thread_local.h"
#include "segment/control.h"
#include "segment/own_memory.h"
#include "segment/segment.h"
#include "segment/sys.h"

namespace mla {

__thread ThreadLocal thread_local_state __attribute__((tls_model("initial-exec")));

namespace {

using format::CounterRecord;
using format::Table;
using format::ThreadRecord;

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr uint64_t kNamePeriod = 1'000'000'000;

constexpr uint64_t kPage = 4096;
constexpr uint64_t kShardBytes = (sizeof(Shard) + kPage - 1) & ~(kPage - 1);

std::atomic<Shard*> all_shards;
std::atomic<uint32_t> shard_count;
pthread_key_t end_key;
bool watching_ends;

ThreadRecord* thread_record(const Shard& shard) {
  return shard.thread_record == 0
             ? nullptr
             : segment.record<ThreadRecord>(Table::kThreads, shard.thread_record - 1);
}

void begin_thread(Shard& shard) {
  shard.tid = sys::gettid();
  shard.thread_pointer = reinterpret_cast<uintptr_t>(__builtin_thread_pointer());
  shard.name_read_ns = 0;
  shard.sampled_at_interval = 0;
  shard.memo.forget();
  shard.python.forget();
  shard.thread_record = 0;
  const uint64_t i = segment.claim(Table::kThreads);
  if (i == Segment::kNoRecord) return;  // more threads than the table holds: theirs have no record
  shard.thread_record = static_cast<uint32_t>(i) + 1;
  ThreadRecord* record = thread_record(shard);
  record->shard = shard.index;
  record->start_ns = segment.since_start_ns();
  record->state.store(1, kRelaxed);
  refresh_thread_name(shard, sys::now_ns(CLOCK_MONOTONIC));
  record->tid.store(shard.tid, std::memory_order_release);  // acquired by the reader
}

void end_thread(void* p) {
  ReentryGuard guard;
  Shard& shard = *static_cast<Shard*>(p);
  ThreadLocal& local = thread_local_state;
  // A shard of a forgotten mapping, or a signal handler's event in progress: leave it attached.
  if (!guard.entered() || local.shard != &shard) return;
  // In a forked child that has not noticed yet the segment is still its parent's; before there is a
  // file it may only be touched within an EventScope.
  if (is_recording(current_mode())) {
    refresh_totals(shard);
    refresh_thread_name(shard, sys::now_ns(CLOCK_MONOTONIC));
    if (ThreadRecord* record = thread_record(shard)) {
      record->end_ns.store(segment.since_start_ns(), kRelaxed);
      record->state.store(2, kRelaxed);
    }
  }
  local.shard = nullptr;
  local.ended = true;
  shard.attached.store(0, std::memory_order_release);  // acquired in take_free_shard()
}

// A shard that no thread uses. A thread that allocated after its end (in later TLS destructors) may
// have kept one: it is free when the kernel no longer knows the thread.
Shard* take_free_shard() {
  for (Shard* s = all_shards.load(std::memory_order_acquire); s != nullptr; s = s->next) {
    uint32_t free = 0;
    if (s->attached.load(kRelaxed) == 0 &&
        s->attached.compare_exchange_strong(free, 1, std::memory_order_acquire)) {
      return s;
    }
    uint32_t leftover = 2;
    if (s->attached.load(kRelaxed) == 2 &&
        sys::call(SYS_tgkill, segment.header().pid, s->tid, 0) == -3 &&  // ESRCH
        s->attached.compare_exchange_strong(leftover, 1, std::memory_order_acquire)) {
      return s;
    }
  }
  return nullptr;
}

Shard* new_shard() {
  // Much of it is for deep stacks and many sites, which most threads never have.
  auto* shard = static_cast<Shard*>(own_reserve(kShardBytes));
  if (shard == nullptr) return nullptr;
  shard->index = shard_count.fetch_add(1, kRelaxed);
  shard->attached.store(1, kRelaxed);
  shard->next = all_shards.load(kRelaxed);
  while (!all_shards.compare_exchange_weak(shard->next, shard, std::memory_order_release)) {
  }
  return shard;
}

}  // namespace

Shard* attach_shard() {
  ThreadLocal& local = thread_local_state;
  Shard* shard = take_free_shard();
  if (shard == nullptr) shard = new_shard();
  if (shard == nullptr) return nullptr;
  shard->events_left = Shard::kEventsPerRefresh;
  begin_thread(*shard);
  local.shard = shard;
  if (local.ended) {
    shard->attached.store(2, kRelaxed);
  } else if (watching_ends) {
    pthread_setspecific(end_key, shard);
  }
  return shard;
}

void watch_thread_ends() {
  watching_ends = pthread_key_create(&end_key, end_thread) == 0;
  if (watching_ends && thread_local_state.shard != nullptr) {
    pthread_setspecific(end_key, thread_local_state.shard);
  }
}

CounterRecord* new_counter(Shard& shard, format::SiteId site) {
  const uint32_t id = format::index(site);
  uint32_t*& leaf = shard.counters[id / Shard::kSitesPerLeaf];
  if (leaf == nullptr) leaf = own_new<uint32_t>(Shard::kSitesPerLeaf);
  if (leaf == nullptr) return nullptr;
  if (shard.run_left == 0) {
    const uint64_t first = segment.claim(Table::kCounters, format::kCountersPerRun);
    if (first == Segment::kNoRecord) return nullptr;
    shard.run = segment.record<CounterRecord>(Table::kCounters, first);
    shard.run_left = format::kCountersPerRun;
  }
  CounterRecord* record = shard.run++;
  --shard.run_left;
  // A run is left, so `run` is not null; the analyser does not see that claim() backed the block.
  record->shard = shard.index;                        // NOLINT(clang-analyzer-core.NullDereference)
  record->site.store(id, std::memory_order_release);  // acquired by the reader and by sum_sites()
  leaf[id % Shard::kSitesPerLeaf] = segment.offset_of(record);
  return record;
}

void refresh_totals(Shard& shard) {
  format::SegmentHeader& h = segment.header();
  h.alloc_bytes.fetch_add(shard.alloc_bytes, kRelaxed);
  h.alloc_count.fetch_add(shard.alloc_count, kRelaxed);
  h.live_count.fetch_add(shard.alloc_count - shard.freed_count, kRelaxed);
  const uint64_t more = shard.alloc_bytes - shard.freed_bytes;  // modulo 2^64: may be negative
  const uint64_t live = h.live_bytes.fetch_add(more, kRelaxed) + more;
  if (shard.object_bytes != 0) h.object_bytes.fetch_add(shard.object_bytes, kRelaxed);
  if (ThreadRecord* record = thread_record(shard)) {
    bump(record->alloc_count, shard.alloc_count);
    bump(record->alloc_bytes, shard.alloc_bytes);
    bump(record->freed_count, shard.freed_count);
    bump(record->freed_bytes, shard.freed_bytes);
  }
  shard.alloc_bytes = shard.alloc_count = 0;
  shard.freed_bytes = shard.freed_count = shard.object_bytes = 0;
  note_live_bytes(live);
}

void refresh_thread_name(Shard& shard, uint64_t now_ns) {
  ThreadRecord* record = thread_record(shard);
  if (record == nullptr || (shard.name_read_ns != 0 && now_ns - shard.name_read_ns < kNamePeriod &&
                            record->state.load(kRelaxed) == 1)) {
    return;
  }
  shard.name_read_ns = now_ns;
  uint64_t name[2] = {};
  if (sys::prctl(PR_GET_NAME, name) != 0) return;
  record->name[0].store(name[0], kRelaxed);
  record->name[1].store(name[1], kRelaxed);
}

uint64_t resident_shard_bytes() {
  uint64_t pages = 0;
  for (const Shard* s = all_shards.load(std::memory_order_acquire); s != nullptr; s = s->next) {
    unsigned char resident[kShardBytes / kPage];
    if (!own_residents(s, kShardBytes, resident)) continue;
    for (const unsigned char page : resident) pages += page & 1;
  }
  return pages * kPage;
}

uint32_t thread_pointers(uintptr_t* to, uint32_t most) {
  uint32_t count = 0;
  for (const Shard* s = all_shards.load(std::memory_order_acquire); s != nullptr; s = s->next) {
    if (s->attached.load(kRelaxed) == 0 || s->tid == segment.header().pid || count == most)
      continue;
    uint32_t i = count++;
    for (; i > 0 && to[i - 1] > s->thread_pointer; --i) to[i] = to[i - 1];
    to[i] = s->thread_pointer;
  }
  return count;
}

bool reset_shards_after_fork() {
  bool others = false;
  Shard* mine = thread_local_state.shard;
  for (Shard* s = all_shards.load(kRelaxed); s != nullptr; s = s->next) {
    others |= s != mine && s->attached.load(kRelaxed) != 0;
    s->attached.store(s == mine ? 1 : 0, kRelaxed);
    s->run = nullptr;
    s->run_left = 0;
    s->events_left = Shard::kEventsPerRefresh;
    s->alloc_bytes = s->alloc_count = 0;
    s->freed_bytes = s->freed_count = s->object_bytes = 0;
    s->thread_record = 0;
    for (uint32_t* leaf : s->counters) {
      if (leaf != nullptr) __builtin_memset(leaf, 0, sizeof(uint32_t) * Shard::kSitesPerLeaf);
    }
  }
  if (mine != nullptr) begin_thread(*mine);
  return others;
}

}  // namespace mla
