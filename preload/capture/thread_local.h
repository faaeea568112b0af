// What mla keeps in each thread's static TLS: 48 bytes, because that space is scarce for everyone.
#pragma once

#include <atomic>
#include <cstdint>

namespace mla {

struct Shard;

struct ThreadLocal {
  int64_t countdown;  // bytes until the next sample point; sampling begins at the first one below 0
  Shard* shard;       // nullptr until the thread's first event, and again once it has ended
  uintptr_t busy_at;  // where on the stack `busy` was set
  uintptr_t last_recorded;  // address of the block this thread recorded last
  uintptr_t domains_at;     // an address in the frame of the outermost wrapper of in_domains
  bool busy;                // this thread is inside mla: events are forwarded and not recorded
  bool ended;               // its TLS destructors are running
  bool calling_out;   // mla is calling a library: allocations are that library's, not the program's
  bool in_allocator;  // the serving allocator is at work in this thread, called by a hook
  uint16_t in_domains;  // the wrappers of python/domains.cc that this thread is in, a bit each
};
static_assert(sizeof(ThreadLocal) == 48);

extern __thread ThreadLocal thread_local_state __attribute__((tls_model("initial-exec")));

// Stands around every call a hook makes of the serving allocator. A signal handler that interrupts
// one and allocates itself finds the mark: the allocator may be holding a lock, so mla must not ask
// it for anything but what the handler asked for.
class AllocatorScope {
 public:
  AllocatorScope() : outer_(thread_local_state.in_allocator) {
    thread_local_state.in_allocator = true;
    std::atomic_signal_fence(std::memory_order_seq_cst);
  }
  ~AllocatorScope() {
    std::atomic_signal_fence(std::memory_order_seq_cst);
    thread_local_state.in_allocator = outer_;
  }
  AllocatorScope(const AllocatorScope&) = delete;
  AllocatorScope& operator=(const AllocatorScope&) = delete;

 private:
  bool outer_;
};

// Where the frame of the calling function begins: what that function calls, whoever interrupts it,
// and a handler of that signal, all have lower ones.
__attribute__((always_inline)) inline uintptr_t this_frame() {
  return reinterpret_cast<uintptr_t>(__builtin_dwarf_cfa());
}

// Marks the thread as being inside mla. An event that happens meanwhile in the same thread (a
// signal handler that allocates, libunwind, our own calls into libc) sees entered() == false and is
// only forwarded: tables are never changed by two hands at once, and nothing can recurse.
class ReentryGuard {
 public:
  ReentryGuard() : ReentryGuard(reinterpret_cast<uintptr_t>(this)) {}
  // `here`: this_frame() of a function that outlives this.
  explicit ReentryGuard(uintptr_t here) : entered_(!thread_local_state.busy) {
    if (entered_) mark_frame(here);
    thread_local_state.busy = true;
    // A signal handler of this thread must see the mark before anything that it protects.
    std::atomic_signal_fence(std::memory_order_seq_cst);
  }
  ~ReentryGuard() {
    std::atomic_signal_fence(std::memory_order_seq_cst);
    if (entered_) thread_local_state.busy = false;
  }
  ReentryGuard(const ReentryGuard&) = delete;
  ReentryGuard& operator=(const ReentryGuard&) = delete;
  bool entered() const { return entered_; }
  // A siglongjmp out of a signal handler may have left the frame that set the mark, for ever. True
  // if that frame is gone, which the caller knows; the mark is then this guard's.
  bool take_over(uintptr_t here) {
    mark_frame(here);
    return entered_ = true;
  }

 private:
  // Only a number to compare with later, which the analyser is not to take for a pointer that is
  // kept.
  static void mark_frame(uintptr_t here) {
    __asm__("" : "+r"(here));
    thread_local_state.busy_at = here;
  }
  bool entered_;
};

}  // namespace mla
