// The mapping half of recorder.h.
#include "capture/lifecycle.h"
#include "capture/mappings.h"
#include "capture/recorder.h"
#include "capture/shard.h"
#include "capture/sites.h"
#include "capture/stack_trie.h"
#include "capture/ticks.h"
#include "segment/segment.h"

namespace mla {

namespace {

using format::CounterRecord;
using format::Loss;
using format::SiteId;
using format::SiteKind;
using format::Table;

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr uint64_t kPage = 4096;

void count_removed(Shard& shard, const Mapping& m, uint64_t bytes, bool whole) {
  if (m.generation != generation) {
    if (!segment.ensure(Table::kInherited, format::index(m.site))) return;
    auto* r = segment.record<format::InheritedRecord>(Table::kInherited, format::index(m.site));
    r->freed_count.fetch_add(whole ? 1 : 0, kRelaxed);
    r->freed_bytes.fetch_add(bytes, kRelaxed);
    return;
  }
  segment.header().mapped_bytes.fetch_sub(bytes, kRelaxed);
  if (CounterRecord* counter = counter_of(shard, m.site)) {
    bump(counter->freed_count, whole ? 1 : 0);
    bump(counter->freed_bytes, bytes);
  }
}

bool remove_range(Shard& shard, uintptr_t start, uint64_t bytes, bool& any) {
  const uintptr_t end = start + ((bytes + kPage - 1) & ~(kPage - 1));
  return mapping_table.remove(
      start, end,
      [&](const Mapping& m, uint64_t lost, bool whole) {
        any = true;
        count_removed(shard, m, lost, whole);
      },
      [&](const Mapping& m) {
        CounterRecord* counter = counter_of(shard, m.site);
        if (counter != nullptr && m.generation == generation) bump(counter->alloc_count, 1);
      });
}

}  // namespace

void record_mapping(uintptr_t start, uint64_t bytes, const CallContext& from) {
  const EventScope event;
  if (!event.entered()) return;
  Shard* shard = current_shard();
  if (shard == nullptr) {
    segment.count_loss(Loss::kNoThread);
    return;
  }
  bytes = (bytes + kPage - 1) & ~(kPage - 1);
  bool any = false;
  remove_range(*shard, start, bytes, any);  // MAP_FIXED, or a munmap that was not seen
  const format::NodeId node{shard->memo.capture(from).node};
  const SiteId site = site_of(*shard, node, SiteKind::kMapping);
  CounterRecord* counter = counter_of(*shard, site);
  if (counter == nullptr ||
      !mapping_table.insert({start, start + bytes, site, generation})) {
    segment.count_loss(Loss::kNoMapping);
    return;
  }
  bump(counter->alloc_count, 1);
  bump(counter->alloc_bytes, bytes);
  segment.header().mapped_bytes.fetch_add(bytes, kRelaxed);
  pending_bytes += bytes;
  tick_if_due();
}

bool release_mapping(uintptr_t start, uint64_t bytes) {
  const EventScope event;
  if (!event.entered()) return false;
  invalidate_stack_memos();  // it may be the stack of a coroutine
  Shard* shard = current_shard();
  bool any = false;
  if (shard != nullptr && !remove_range(*shard, start, bytes, any)) {
    segment.count_loss(Loss::kNoMapping);
  }
  return any;
}

}  // namespace mla
