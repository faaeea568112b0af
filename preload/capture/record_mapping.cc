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

// A piece that was cut off comes back as a mapping of its own.
void uncount_removed(Shard& shard, const Mapping& m, bool whole) {
  const uint64_t bytes = m.end - m.start;
  if (m.generation != generation) {
    auto* r = segment.record<format::InheritedRecord>(Table::kInherited, format::index(m.site));
    if (r == nullptr) return;
    r->freed_count.fetch_sub(whole ? 1 : 0, kRelaxed);
    r->freed_bytes.fetch_sub(bytes, kRelaxed);
    return;
  }
  segment.header().mapped_bytes.fetch_add(bytes, kRelaxed);
  if (CounterRecord* counter = counter_of(shard, m.site)) {
    bump(counter->alloc_count, whole ? 0 : 1);
    bump(counter->freed_count, uint64_t{0} - (whole ? 1 : 0));
    bump(counter->freed_bytes, uint64_t{0} - bytes);
  }
}

void remove_reservations(uintptr_t start, uint64_t bytes) {
  const auto ignore = [](const auto&...) {};
  reservation_table.remove(start, start + ((bytes + kPage - 1) & ~(kPage - 1)), ignore, ignore);
}

bool remove_range(Shard& shard, uintptr_t start, uint64_t bytes, ReleasedMappings& released) {
  const uintptr_t end = start + ((bytes + kPage - 1) & ~(kPage - 1));
  return mapping_table.remove(
      start, end,
      [&](const Mapping& m, uintptr_t low, uintptr_t high, bool whole) {
        count_removed(shard, m, high - low, whole);
        if (released.count == ReleasedMappings::kMost) return;
        released.piece[released.count++] = {{low, high, m.site, m.generation}, whole};
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
  ReleasedMappings ignored;
  remove_range(*shard, start, bytes, ignored);  // MAP_FIXED, or a munmap that was not seen
  remove_reservations(start, bytes);
  const format::NodeId node{shard->memo.capture(from).node};
  const SiteId site = mapping_site_of(node, python_node(shard->python));
  CounterRecord* counter = counter_of(*shard, site);
  if (counter == nullptr || !mapping_table.insert({start, start + bytes, site, generation})) {
    segment.count_loss(Loss::kNoMapping);
    return;
  }
  bump(counter->alloc_count, 1);
  bump(counter->alloc_bytes, bytes);
  segment.header().mapped_bytes.fetch_add(bytes, kRelaxed);
  if (event.is_pending()) pending_bytes += bytes;
  tick_if_due(sys::now_ns(CLOCK_MONOTONIC));
}

void record_reservation(uintptr_t start, uint64_t bytes, const CallContext& from) {
  const EventScope event;
  if (!event.entered()) return;
  Shard* shard = current_shard();
  if (shard == nullptr) return;
  bytes = (bytes + kPage - 1) & ~(kPage - 1);
  ReleasedMappings ignored;
  remove_range(*shard, start, bytes, ignored);
  remove_reservations(start, bytes);
  const format::NodeId node{shard->memo.capture(from).node};
  const SiteId site = mapping_site_of(node, python_node(shard->python));
  // A full table is no loss of an event: these pages are then explained by nothing.
  reservation_table.insert({start, start + bytes, site, generation});
}

namespace {

// The allocator is at work and may hold its locks: nothing but the table is touched, above all no
// forked child becomes a process of its own here.
bool may_note_allocator() {
  const Mode mode = current_mode();
  return mode == Mode::kPending || is_recording(mode);
}

}  // namespace

void note_allocator_mapping(uintptr_t start, uint64_t bytes) {
  const ReentryGuard guard;
  if (!guard.entered() || !may_note_allocator()) return;
  bytes = (bytes + kPage - 1) & ~(kPage - 1);
  remove_reservations(start, bytes);
  reservation_table.insert({start, start + bytes, SiteId::kNone, generation});
}

void note_allocator_unmapping(uintptr_t start, uint64_t bytes) {
  const ReentryGuard guard;
  if (guard.entered() && may_note_allocator()) remove_reservations(start, bytes);
}

void release_mapping(uintptr_t start, uint64_t bytes, ReleasedMappings& released) {
  if (start >= LiveMap::kAddressLimit || bytes > LiveMap::kAddressLimit - start)
    return;  // will fail
  const EventScope event;
  if (!event.entered()) return;
  invalidate_stack_memos();  // it may be the stack of a coroutine
  Shard* shard = current_shard();
  remove_reservations(start, bytes);
  if (shard != nullptr && !remove_range(*shard, start, bytes, released)) {
    segment.count_loss(Loss::kNoMapping);
  }
}

void restore_mappings(const ReleasedMappings& released) {
  if (released.count == 0) return;
  const EventScope event;
  if (!event.entered()) return;
  Shard* shard = current_shard();
  for (uint32_t i = 0; shard != nullptr && i < released.count; ++i) {
    const auto& [mapping, whole] = released.piece[i];
    if (!mapping_table.insert(mapping)) {
      segment.count_loss(Loss::kNoMapping);
      continue;
    }
    uncount_removed(*shard, mapping, whole);
  }
}

}  // namespace mla
