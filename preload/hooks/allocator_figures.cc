#include "hooks/allocator_figures.h"

#include <malloc.h>

#include "capture/allocator_service.h"
#include "hooks/allocator.h"

namespace mla {

namespace {

using format::AllocatorStatistics;

struct Functions {
  // glibc
  struct mallinfo2 (*mallinfo2)();
  int (*malloc_trim)(size_t);
  // jemalloc
  int (*mallctl)(const char*, void*, size_t*, void*, size_t);
  size_t (*nallocx)(size_t, int);  // gperftools too
  // gperftools
  int (*numeric_property)(const char*, size_t*);
  void (*release_free_memory)();
  // mimalloc
  size_t (*good_size)(size_t);
  void (*collect)(bool);
};
Functions functions;

template <class F>
void bind(const char* name, F& function) {
  function = reinterpret_cast<F>(find_function(allocator.library, name));
}

// malloc/malloc.c, 64-bit: a chunk is the request and its size word, rounded up to 16, at least
// 32. A chunk of its own mapping begins 16 bytes into a page and is rounded up to whole pages.
uint64_t ptmalloc_usable(uintptr_t address, uint64_t requested) {
  constexpr uint64_t kLeastMapped = 64 * 1024;
  if (requested >= kLeastMapped && (address & 4095) < 32) {
    return ((requested + 16 + 4095) & ~uint64_t{4095}) - 16;
  }
  const uint64_t chunk = (requested + 8 + 15) & ~uint64_t{15};
  return (chunk < 32 ? 32 : chunk) - 8;
}

uint64_t usable_by_nallocx(uintptr_t, uint64_t requested) {
  return functions.nallocx(requested == 0 ? 1 : requested, 0);
}

uint64_t mimalloc_usable(uintptr_t, uint64_t requested) { return functions.good_size(requested); }

void read_ptmalloc(AllocatorStatistics& to) {
  const struct mallinfo2 m = functions.mallinfo2();
  to.allocated = m.uordblks + m.hblkhd;
  to.heap = m.arena + m.hblkhd;
  to.free_kept = m.fordblks;
}

uint64_t mallctl_number(const char* name) {
  size_t value = 0;
  size_t bytes = sizeof value;
  return functions.mallctl(name, &value, &bytes, nullptr, 0) == 0 ? value : 0;
}

// Names with 4096 speak of all arenas together (MALLCTL_ARENAS_ALL, jemalloc 5).
void read_jemalloc(AllocatorStatistics& to) {
  uint64_t epoch = 1;
  size_t bytes = sizeof epoch;
  functions.mallctl("epoch", &epoch, &bytes, &epoch, sizeof epoch);
  constexpr uint64_t kPage = 4096;
  to.allocated = mallctl_number("stats.allocated");
  to.heap = mallctl_number("stats.mapped");
  to.metadata = mallctl_number("stats.metadata");
  to.free_kept = mallctl_number("stats.arenas.4096.pdirty") * kPage;
  to.returned = mallctl_number("stats.retained");
  to.cached = mallctl_number("stats.arenas.4096.tcache_bytes");
  unsigned arenas = 0;
  bytes = sizeof arenas;
  if (functions.mallctl("arenas.narenas", &arenas, &bytes, nullptr, 0) == 0) to.arenas = arenas;
}

uint64_t property(const char* name) {
  size_t value = 0;
  return functions.numeric_property(name, &value) != 0 ? value : 0;
}

void read_tcmalloc(AllocatorStatistics& to) {
  to.allocated = property("generic.current_allocated_bytes");
  to.heap = property("generic.heap_size");
  to.returned = property("tcmalloc.pageheap_unmapped_bytes");
  to.free_kept = property("tcmalloc.pageheap_free_bytes");
  to.cached = property("tcmalloc.central_cache_free_bytes") +
              property("tcmalloc.transfer_cache_free_bytes") +
              property("tcmalloc.thread_cache_free_bytes");
  // What it holds of the kernel, less its heap: its own tables.
  const uint64_t physical = property("generic.total_physical_bytes");
  const uint64_t heap = to.heap - to.returned;
  to.metadata = physical > heap ? physical - heap : 0;
}

void trim_ptmalloc() { functions.malloc_trim(0); }
void trim_jemalloc() { functions.mallctl("arena.4096.purge", nullptr, nullptr, nullptr, 0); }
void trim_tcmalloc() { functions.release_free_memory(); }
// Of other threads' heaps only what they have abandoned.
void trim_mimalloc() { functions.collect(true); }

}  // namespace

void bind_allocator_service() {
  AllocatorService& s = allocator_service;
  switch (allocator.kind) {
    case AllocatorKind::kPtmalloc:
      bind("mallinfo2", functions.mallinfo2);  // glibc 2.33
      bind("malloc_trim", functions.malloc_trim);
      s.usable = ptmalloc_usable;
      s.header_bytes = 8;
      s.heap_alignment = 64ULL << 20;  // HEAP_MAX_SIZE of arena.c
      s.statistics_walk_chunks = true;
      if (functions.mallinfo2 != nullptr) s.read_statistics = read_ptmalloc;
      if (functions.malloc_trim != nullptr) s.trim = trim_ptmalloc;
      break;
    case AllocatorKind::kJemalloc:
      bind("mallctl", functions.mallctl);
      bind("nallocx", functions.nallocx);
      if (functions.nallocx != nullptr) s.usable = usable_by_nallocx;
      if (functions.mallctl != nullptr) {
        s.read_statistics = read_jemalloc;
        s.trim = trim_jemalloc;
      }
      break;
    case AllocatorKind::kTcmalloc:
      bind("nallocx", functions.nallocx);
      bind("MallocExtension_GetNumericProperty", functions.numeric_property);
      bind("MallocExtension_ReleaseFreeMemory", functions.release_free_memory);
      if (functions.nallocx != nullptr) s.usable = usable_by_nallocx;
      if (functions.numeric_property != nullptr) s.read_statistics = read_tcmalloc;
      if (functions.release_free_memory != nullptr) s.trim = trim_tcmalloc;
      break;
    case AllocatorKind::kMimalloc:
      bind("mi_good_size", functions.good_size);
      bind("mi_collect", functions.collect);
      if (functions.good_size != nullptr) s.usable = mimalloc_usable;
      if (functions.collect != nullptr) s.trim = trim_mimalloc;
      break;
    case AllocatorKind::kOther:
      break;
  }
}

}  // namespace mla
