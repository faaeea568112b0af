// The one word every hook reads first: what this process does with an event.
//
// It lies in a page the kernel zeroes in a forked child (MADV_WIPEONFORK), so a child notices
// that it is one at its first event, however it was forked: fork, clone without CLONE_VM, a raw
// system call. A vfork child shares its parent's memory, and its events are the parent's.
#pragma once

#include <atomic>
#include <cstdint>

namespace mla {

enum class Mode : uint32_t {
  kUnset = 0,      // not started yet, or a forked child that has not noticed
  kOff = 1,        // forwards only
  kBecoming = 2,   // one thread of a forked child is making it a process of its own
  kPending = 3,    // records into private memory, one event at a time, until it is worth a file
  kRecording = 4,  // every allocation
  kSampling = 5,   // one in so many bytes, or none
};

struct Control {
  std::atomic<Mode> mode;
};

// Points at a zeroed static until the page is there. Written once, before any second thread.
extern Control* control;

// Replaces the static by the wiped-on-fork page. False if the kernel gives no memory.
bool map_control_page();

// Has before() called before every fork() of libc takes its locks, and after() when it has given
// them back, in parent and child, by the thread that forks; they may only remember that. Call once,
// from the constructor.
void watch_libc_forks(void (*before)(), void (*after)(bool in_child));

// Events go to the file.
inline bool is_recording(Mode mode) { return mode >= Mode::kRecording; }

inline Mode current_mode() { return control->mode.load(std::memory_order_acquire); }
inline void set_mode(Mode mode) { control->mode.store(mode, std::memory_order_release); }
// False, with nothing done, if it is not `from` any more: another thread may have switched off, and
// that is for good.
inline bool change_mode(Mode from, Mode to) {
  return control->mode.compare_exchange_strong(from, to, std::memory_order_acq_rel,
                                               std::memory_order_acquire);
}

}  // namespace mla
