#include "capture/recorder.h"

#include "capture/ledger.h"
#include "capture/lifecycle.h"
#include "capture/python_stack.h"
#include "capture/reference_unwinder.h"
#include "capture/sampler.h"
#include "capture/shard.h"
#include "capture/sites.h"
#include "capture/stack_trie.h"
#include "capture/ticks.h"
#include "segment/segment.h"
#include "segment/sys.h"

namespace mla {

constinit std::atomic<const PythonReader*> python_reader{nullptr};

namespace {

using format::CounterRecord;
using format::InheritedRecord;
using format::Loss;
using format::NodeId;
using format::SiteId;
using format::Table;

constexpr auto kRelaxed = std::memory_order_relaxed;

// MLA_UNWIND_CHECK: libunwind's opinion of the stack just captured.
void compare_with_reference(Shard& shard, const CallContext& from) {
  if (++shard.captures % unwind_check_interval != 0) return;
  if (!reference_unwind(from, shard.reference)) return;
  shard.memo.copy_to(shard.stack);
  format::SegmentHeader& h = segment.header();
  h.unwind_checked.fetch_add(1, kRelaxed);
  const CapturedStack& a = shard.stack;
  const CapturedStack& b = shard.reference;
  for (uint32_t i = 0; i < a.depth || i < b.depth; ++i) {
    const uint64_t mine = i < a.depth ? a.pcs[i] : 0;
    const uint64_t its = i < b.depth ? b.pcs[i] : 0;
    if (mine == its) continue;
    if (reference_lost_at(a, i)) return;
    if (h.unwind_differed.fetch_add(1, kRelaxed) == 0) {
      h.unwind_first_frame.store(i, kRelaxed);
      h.unwind_first_pc.store(mine, kRelaxed);
      h.unwind_first_reference_pc.store(its, kRelaxed);
    }
    return;
  }
}

inline SiteId paired_site(Shard& shard, NodeId native, NodeId python) {
  const uint64_t tag = TagCache::tag_of(format::index(native), format::index(python), 0);
  uint32_t site = shard.sites.find(tag);
  if (__builtin_expect(site == 0, 0)) {
    site = format::index(heap_site_of(native, python));
    shard.sites.keep(tag, site);
  }
  return SiteId{site};
}

// Of objects the innermost native frame is recorded, which tells bytes from lists, and Python's
// stack: the rest of the native one would be a third of the cost.
inline SiteId object_site(Shard& shard, const CallContext& from, NodeId python) {
  const uint64_t epoch = forgotten_nodes_epoch.load(kRelaxed);
  const uint64_t tag = TagCache::tag_of(from.pc, format::index(python), epoch);
  uint32_t site = shard.sites.find(tag);
  if (__builtin_expect(site == 0, 0)) {
    site = format::index(heap_site_of(shard.memo.innermost(from), python));
    shard.sites.keep(tag, site);
  }
  return SiteId{site};
}

template <BlockKind kind>
inline SiteId heap_site(Shard& shard, const CallContext& from) {
  if constexpr (kind == BlockKind::kObject) {
    const NodeId python = python_node(shard.python);
    if (__builtin_expect(python != NodeId::kRoot, 1)) {
      return object_site(shard, from, python);
    }
  }
  StackMemo::Frame& leaf = shard.memo.capture(from);
  if (__builtin_expect(unwind_check_interval != 0, 0)) compare_with_reference(shard, from);
  const NodeId python = python_node(shard.python);
  if (python != NodeId::kRoot) return paired_site(shard, NodeId{leaf.node}, python);
  if (__builtin_expect(leaf.site == 0, 0)) {
    leaf.site = format::index(heap_site_of(NodeId{leaf.node}));
  }
  return SiteId{leaf.site};
}

__attribute__((noinline)) void refresh(Shard& shard) {
  const bool due = shard.events_left == 0;
  refresh_totals(shard);
  if (!due) {
    if (__builtin_expect(something_requested(), 0)) tick_if_due(sys::now_ns(CLOCK_MONOTONIC));
    return;
  }
  shard.events_left = Shard::kEventsPerRefresh;
  // A few milliseconds behind, and half the price.
  const uint64_t now = sys::now_ns(CLOCK_MONOTONIC_COARSE);
  refresh_thread_name(shard, now);
  tick_if_due(now);
}

inline void after_event(Shard& shard) {
  const uint64_t change = shard.alloc_bytes - shard.freed_bytes + Shard::kBytesPerRefresh;
  if (__builtin_expect(--shard.events_left == 0 || change > 2 * Shard::kBytesPerRefresh, 0)) {
    refresh(shard);
  }
}

// Counters of a block that is gone. Blocks of an earlier generation belong to what was inherited.
void count_freed(Shard& shard, const LiveBlock& block) {
  if (__builtin_expect(block.generation != generation, 0)) {
    if (!segment.ensure(Table::kInherited, format::index(block.site))) return;
    InheritedRecord* r =
        segment.record<InheritedRecord>(Table::kInherited, format::index(block.site));
    r->freed_count.fetch_add(block.blocks, kRelaxed);
    r->freed_bytes.fetch_add(block.bytes, kRelaxed);
    // Before there is a file they are in no sum yet.
    if (block.kind == BlockKind::kObject && current_mode() != Mode::kPending) {
      shard.object_bytes -= block.bytes;
    }
    return;
  }
  CounterRecord* counter = counter_of(shard, block.site);
  if (counter == nullptr) {
    segment.count_loss(Loss::kNoThread);
    return;
  }
  bump(counter->freed_count, block.blocks);
  bump(counter->freed_bytes, block.bytes);
  if (__builtin_expect(block.sampled, 0)) bump(counter->freed_variance, block.variance);
  shard.freed_count += block.blocks;
  shard.freed_bytes += block.bytes;
  if (block.kind == BlockKind::kObject) shard.object_bytes -= block.bytes;
}

// Enters the block where it cannot be done plainly. False: lost, and counted as that.
template <BlockKind kind>
__attribute__((noinline)) bool insert_block(Shard& shard, uintptr_t address,
                                            const LiveBlock& block) {
  LiveBlock stale;
  if (!map_of(kind).insert(address, block, stale)) {
    segment.count_loss(address >= LiveMap::kAddressLimit ? Loss::kFarAddress : Loss::kNoLiveMap);
    return false;
  }
  if (stale.site != SiteId::kNone) {
    segment.count_loss(Loss::kMissedFree);
    stale.kind = kind;
    count_freed(shard, stale);
  }
  return true;
}

template <BlockKind kind>
inline void count_allocated(Shard& shard, const void* block, uint64_t bytes, SiteId site) {
  CounterRecord* counter = counter_of(shard, site);
  if (__builtin_expect(counter == nullptr, 0)) {
    segment.count_loss(Loss::kNoThread);
    return;
  }
  const uintptr_t address = reinterpret_cast<uintptr_t>(block);
  if (__builtin_expect(!map_of(kind).insert_plain(address, site, bytes, generation), 0)) {
    if (bytes > LiveMap::kMostBytes) bytes = LiveMap::kMostBytes;
    LiveBlock born = {site, bytes, generation};
    born.label = map_of(kind).birth_label();
    if (!insert_block<kind>(shard, address, born)) return;
  }
  thread_local_state.last_recorded = address;
  bump(counter->alloc_count, 1);
  bump(counter->alloc_bytes, bytes);
  shard.alloc_count += 1;
  shard.alloc_bytes += bytes;
  if constexpr (kind == BlockKind::kObject) shard.object_bytes += bytes;
}

// A sample is recorded with what it stands for.
void count_sample(Shard& shard, const void* block, const SampleWeight& weight, SiteId site,
                  BlockKind kind) {
  CounterRecord* counter = counter_of(shard, site);
  SampledBlock stale;
  const SampledBlock sampled = {
      reinterpret_cast<uintptr_t>(block), site, generation, weight, kind, live_map.birth_label()};
  if (counter == nullptr || !sample_table.insert(sampled, stale)) {
    segment.count_loss(counter == nullptr ? Loss::kNoThread : Loss::kNoLiveMap);
    return;
  }
  if (__builtin_expect(stale.address != 0, 0)) {
    segment.count_loss(Loss::kMissedFree);
    count_freed(shard, {stale.site, stale.weight.bytes, stale.generation, true, stale.weight.blocks,
                        stale.weight.variance, stale.kind});
  }
  thread_local_state.last_recorded = sampled.address;
  bump(counter->alloc_count, weight.blocks);
  bump(counter->alloc_bytes, weight.bytes);
  bump(counter->alloc_variance, weight.variance);
  bump(counter->samples, 1);
  shard.alloc_count += weight.blocks;
  shard.alloc_bytes += weight.bytes;
  if (kind == BlockKind::kObject) shard.object_bytes += weight.bytes;
}

void record_sample(Shard& shard, const void* block, uint64_t bytes, const CallContext& from,
                   BlockKind kind) {
  const uint64_t begin = sys::now_ns(CLOCK_MONOTONIC);
  SampleWeight weight;
  if (!is_sample(shard, bytes == 0 ? 1 : bytes, weight)) {
    if (sampling_interval.load(kRelaxed) == format::kOffInterval) tick_if_due(begin);
    return;
  }
  count_sample(shard, block, weight,
               kind == BlockKind::kObject ? heap_site<BlockKind::kObject>(shard, from)
                                          : heap_site<BlockKind::kHeap>(shard, from),
               kind);
  refresh_totals(shard);
  refresh_thread_name(shard, begin);
  const uint64_t end = sys::now_ns(CLOCK_MONOTONIC);
  count_sampling_time(end - begin);
  tick_if_due(end);
}

}  // namespace

template <BlockKind kind>
void record_allocation_slowly(const void* block, uint64_t bytes, uintptr_t pc, uintptr_t sp,
                              uintptr_t fp) {
  if (block == nullptr) return;
  const EventScope event;
  if (!event.entered()) return;
  Shard* shard = current_shard();
  if (shard == nullptr) {
    segment.count_loss(Loss::kNoThread);
    return;
  }
  const CallContext from = {pc, sp, fp};
  if (__builtin_expect(event.is_pending(), 0)) {
    ++pending_allocations;
    pending_bytes += bytes;
  }
  if (__builtin_expect(sampling_interval.load(kRelaxed) == format::kExactInterval, 1)) {
    count_allocated<kind>(*shard, block, bytes, heap_site<kind>(*shard, from));
    after_event(*shard);
    return;
  }
  // While there is no file the hook does not count down itself.
  if (event.is_pending()) thread_local_state.countdown -= static_cast<int64_t>(bytes);
  if (thread_local_state.countdown < 0) record_sample(*shard, block, bytes, from, kind);
}

template <BlockKind kind>
void record_allocation_exactly(const void* block, uint64_t bytes, uintptr_t pc, uintptr_t sp,
                               uintptr_t fp) {
  ThreadLocal& local = thread_local_state;
  Shard* shard = local.shard;
  if (__builtin_expect(block == nullptr || local.busy || shard == nullptr, 0)) {
    record_allocation_slowly<kind>(block, bytes, pc, sp, fp);
    return;
  }
  const CallContext from = {pc, sp, fp};
  const ReentryGuard guard(this_frame());
  map_of(kind).prefetch(reinterpret_cast<uintptr_t>(block));  // needed when the stack is known
  count_allocated<kind>(*shard, block, bytes, heap_site<kind>(*shard, from));
  after_event(*shard);
}

template <BlockKind kind>
void record_free_exactly(const void* block) {
  ThreadLocal& local = thread_local_state;
  Shard* shard = local.shard;
  if (__builtin_expect(local.busy || shard == nullptr, 0)) {
    record_free_slowly<kind>(block);
    return;
  }
  if constexpr (kind == BlockKind::kObject) {  // most of the others are the allocator's
    if (!may_be_recorded(reinterpret_cast<uintptr_t>(block), kind)) return;
  } else {
    // What allocators keep in front of a block is read next: it arrives together with our own slot.
    __builtin_prefetch(static_cast<const char*>(block) - 16, 1);
  }
  {
    const ReentryGuard guard(this_frame());
    SiteId site = SiteId::kNone;
    uint64_t bytes = 0;
    if (__builtin_expect(
            map_of(kind).take_plain(reinterpret_cast<uintptr_t>(block), generation, site, bytes),
            1)) {
      CounterRecord* counter = counter_of(*shard, site);
      if (__builtin_expect(counter == nullptr, 0)) {
        segment.count_loss(Loss::kNoThread);
        return;
      }
      bump(counter->freed_count, 1);
      bump(counter->freed_bytes, bytes);
      shard->freed_count += 1;
      shard->freed_bytes += bytes;
      if constexpr (kind == BlockKind::kObject) shard->object_bytes -= bytes;
      after_event(*shard);
      return;
    }
  }
  record_free_slowly<kind>(block);
}

template <BlockKind kind>
LiveBlock take_block(const void* block) {
  const auto address = reinterpret_cast<uintptr_t>(block);
  if (block == nullptr || (current_mode() == Mode::kSampling && !may_be_recorded(address, kind)))
    return {};
  if (kind == BlockKind::kObject && !may_be_recorded(address, kind)) return {};
  const EventScope event;
  if (!event.entered()) return {};
  const LiveBlock taken = take_recorded(address, kind);
  if (kind == BlockKind::kHeap && taken.site == SiteId::kNone &&
      segment.header().ever_sampled.load(kRelaxed) == 0) {
    segment.count_loss(Loss::kUnknownFree);
  }
  return taken;
}

namespace {

// The time of one in kEvery frees that sampling costs, as long as there is a budget to be kept.
class FreeTimer {
 public:
  FreeTimer() {
    Shard* shard = thread_local_state.shard;
    if (has_budget() && shard != nullptr && ++shard->slow_frees % kEvery == 0) {
      begin_ = sys::now_ns(CLOCK_MONOTONIC);
    }
  }
  ~FreeTimer() {
    if (begin_ != 0) count_sampling_time(sys::now_ns(CLOCK_MONOTONIC) - begin_, kEvery);
  }
  FreeTimer(const FreeTimer&) = delete;
  FreeTimer& operator=(const FreeTimer&) = delete;

 private:
  static constexpr uint32_t kEvery = 16;
  uint64_t begin_ = 0;
};

}  // namespace

void count_free(const LiveBlock& block) {
  if (block.site == SiteId::kNone) return;
  const EventScope event;
  if (!event.entered()) return;
  Shard* shard = current_shard();
  if (shard == nullptr) {
    segment.count_loss(Loss::kNoThread);
    return;
  }
  count_freed(*shard, block);
  after_event(*shard);
}

// With sampling: of a block on a page with samples.
template <BlockKind kind>
void record_free_slowly(const void* block) {
  const auto address = reinterpret_cast<uintptr_t>(block);
  if (current_mode() == Mode::kSampling && !may_be_recorded(address, kind)) return;
  const EventScope event;
  if (!event.entered()) return;
  const FreeTimer timer;
  const LiveBlock taken = take_recorded(address, kind);
  Shard* shard = current_shard();
  if (__builtin_expect(taken.site == SiteId::kNone || shard == nullptr, 0)) {
    if (shard == nullptr) {
      segment.count_loss(Loss::kNoThread);
    } else if (kind == BlockKind::kHeap && segment.header().ever_sampled.load(kRelaxed) == 0) {
      segment.count_loss(Loss::kUnknownFree);
    }
    return;
  }
  count_freed(*shard, taken);
  after_event(*shard);
}

void restore_block(const void* block, const LiveBlock& taken) {
  if (taken.site == SiteId::kNone) return;
  const EventScope event;
  if (!event.entered()) return;
  const auto address = reinterpret_cast<uintptr_t>(block);
  bool restored = false;
  if (taken.sampled) {
    SampledBlock stale;
    restored = sample_table.insert({address,
                                    taken.site,
                                    taken.generation,
                                    {taken.bytes, taken.blocks, taken.variance},
                                    taken.kind,
                                    taken.label},
                                   stale);
  } else {
    LiveBlock stale;
    restored = map_of(taken.kind).insert(address, taken, stale);
  }
  if (!restored) segment.count_loss(Loss::kNoLiveMap);
}

void record_outer_allocation(const void* block, uint64_t bytes, const CallContext& from) {
  if (block == nullptr) return;
  const EventScope event;
  if (!event.entered()) return;
  Shard* shard = current_shard();
  if (shard == nullptr) return;
  // Only what a hook recorded for this very block during the call is replaced. A replaced operator
  // that serves from a pool of its own has had its chunks recorded, and its objects are none of the
  // heap's.
  if (thread_local_state.last_recorded != reinterpret_cast<uintptr_t>(block)) return;
  const LiveBlock inner = take_recorded(reinterpret_cast<uintptr_t>(block), BlockKind::kHeap);
  if (inner.site != SiteId::kNone) {
    CounterRecord* counter = counter_of(*shard, inner.site);
    if (counter != nullptr) {
      bump(counter->alloc_count, uint64_t{0} - inner.blocks);
      bump(counter->alloc_bytes, uint64_t{0} - inner.bytes);
      shard->alloc_count -= inner.blocks;
      shard->alloc_bytes -= inner.bytes;
      if (inner.sampled) {
        bump(counter->alloc_variance, uint64_t{0} - inner.variance);
        bump(counter->samples, ~uint64_t{0});
      }
    }
  }
  if (sampling_interval.load(kRelaxed) == format::kExactInterval) {
    count_allocated<BlockKind::kHeap>(*shard, block, bytes,
                                      heap_site<BlockKind::kHeap>(*shard, from));
    after_event(*shard);
  } else if (inner.sampled) {  // chosen once, by the inner hook; only its site changes
    count_sample(*shard, block, {inner.bytes, inner.blocks, inner.variance},
                 heap_site<BlockKind::kHeap>(*shard, from), BlockKind::kHeap);
  }
}

template void record_allocation_exactly<BlockKind::kHeap>(const void*, uint64_t, uintptr_t,
                                                          uintptr_t, uintptr_t);
template void record_allocation_exactly<BlockKind::kObject>(const void*, uint64_t, uintptr_t,
                                                            uintptr_t, uintptr_t);
template void record_allocation_slowly<BlockKind::kHeap>(const void*, uint64_t, uintptr_t,
                                                         uintptr_t, uintptr_t);
template void record_allocation_slowly<BlockKind::kObject>(const void*, uint64_t, uintptr_t,
                                                           uintptr_t, uintptr_t);
template void record_free_exactly<BlockKind::kHeap>(const void*);
template void record_free_exactly<BlockKind::kObject>(const void*);
template void record_free_slowly<BlockKind::kHeap>(const void*);
template void record_free_slowly<BlockKind::kObject>(const void*);
template LiveBlock take_block<BlockKind::kHeap>(const void*);
template LiveBlock take_block<BlockKind::kObject>(const void*);

}  // namespace mla
