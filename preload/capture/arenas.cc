#include "capture/arenas.h"

#include <atomic>

namespace mla {

MappingTable arena_table;

namespace {

std::atomic<uint64_t> all_bytes;

}  // namespace

// The guard: a handler of a signal may allocate, and would wait for the table's lock.
void note_arena(uintptr_t start, uint64_t bytes) {
  const ReentryGuard guard;
  if (arena_table.insert({start, start + bytes, format::SiteId::kNone, 0})) {
    all_bytes.fetch_add(bytes, std::memory_order_relaxed);
  }
}

void forget_arena(uintptr_t start, uint64_t bytes) {
  const ReentryGuard guard;
  const auto count = [](const Mapping&, uintptr_t low, uintptr_t high, bool) {
    all_bytes.fetch_sub(high - low, std::memory_order_relaxed);
  };
  arena_table.remove(start, start + bytes, count, [](const Mapping&) {});
}

uint64_t arena_bytes() { return all_bytes.load(std::memory_order_relaxed); }

void reset_arenas_after_fork() {
  if (!arena_table.reset_after_fork()) all_bytes.store(0, std::memory_order_relaxed);
}

}  // namespace mla
