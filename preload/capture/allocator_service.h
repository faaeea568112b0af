// What mla asks of the serving allocator besides blocks, and when it may ask.
//
// These functions take the allocator's locks. A tick runs in a hook, after the real allocator has
// returned or before it is called, so this thread holds none of them; other threads give theirs
// back after a bounded time. Not so, and therefore nothing is asked:
// * in a signal handler that interrupted the allocator in this very thread (AllocatorScope);
// * in a child that was not forked by libc's fork(), whose other threads may have left with a lock
//   held (the allocators' fork handlers did not run);
// * while this thread is in libc's fork(), which takes the allocator's locks itself;
// * in a thread whose thread-local data are being destroyed.
// Not known of: malloc_trim(), malloc_info() or mallctl() called by the program, and interrupted
// by a handler that allocates.
// Whoever asks holds all signals meanwhile (SignalsHeld of ledger.cc): a handler can neither find a
// lock taken, nor jump away with one.
#pragma once

#include <cstdint>

#include "format/format.h"

namespace mla {

struct AllocatorService {
  // Usable bytes of a block at `address` of `requested` bytes, as the allocator would round it, and
  // the bytes of its header. Pure: neither locks nor looks at the block. nullptr: not known.
  uint64_t (*usable)(uintptr_t address, uint64_t requested) = nullptr;
  uint64_t header_bytes = 0;
  // nullptr: has none.
  void (*read_statistics)(format::AllocatorStatistics& to) = nullptr;
  // read_statistics() takes time with the number of free chunks: bounded by the caller.
  bool statistics_walk_chunks = false;
  // Gives back to the kernel what is free. nullptr: cannot.
  void (*trim)() = nullptr;
  // Heaps of threads begin at multiples of this; 0: no such rule.
  uint64_t heap_alignment = 0;
};

// Filled in by the hooks once the allocator is chosen.
extern AllocatorService allocator_service;

bool may_ask_allocator();
// False in a process that may have inherited locks from threads that do not exist in it.
bool may_ever_ask_allocator();

// Stands around a call of the service. Within may_ask_allocator().
class AllocatorQuestion {
 public:
  AllocatorQuestion();
  ~AllocatorQuestion();
  AllocatorQuestion(const AllocatorQuestion&) = delete;
  AllocatorQuestion& operator=(const AllocatorQuestion&) = delete;

 private:
  int errno_;
};

// Around libc's fork(), in the thread that forks.
void begin_libc_fork();
void end_libc_fork(bool in_child);
// In a forked child that begins to record.
void reset_allocator_service_after_fork();

}  // namespace mla
