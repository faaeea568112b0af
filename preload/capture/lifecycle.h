// From a program that was just started, or forked, to one that is recorded.
//
//   kUnset --start_recording()--> kPending --worth a file--> kRecording --failure--> kOff
//      ^                             |                           |
//      +------ fork (the kernel zeroes the mode) ----------------+
//
// A process that was started from outside mla gets its file at once. One that a recorded process
// started, such as `sh -c`, `uname` or ldd, must first be worth a file: short helpers leave none.
// (bash allocates 2,000 to 4,000 times for a script of one line [measured].)
#pragma once

#include <cstdint>

#include "capture/thread_local.h"
#include "segment/control.h"
#include "segment/settings.h"

namespace mla {

// What makes a process worth a file: so many allocations, or so many bytes, or an allocation so
// long after the start. Forked children are more often workers than executed programs are.
struct Worth {
  uint64_t allocations;
  uint64_t bytes;
  uint64_t age_ns;
};
inline constexpr Worth kWorthExecuted = {5000, 4 << 20, 100'000'000};
inline constexpr Worth kWorthForked = {1000, 256 << 10, 100'000'000};

// With the program's environment: recording begins, in private memory.
// `smallest_spacing`: see LiveMap::configure(). Does nothing when it was called before.
void start_recording(char** environment, const Settings& settings, uint32_t smallest_spacing);
// From the constructor, when the loader can be used: what start_recording() could not do.
// `complaint`: lines for the header's note, may be empty.
void finish_start(const char* complaint);
// The process will not be recorded, only forwarded.
void refuse_recording();
bool recording_started();

// Who serves the program, for the header. Version and path may be nullptr.
void describe_allocator(const char* name, const char* version, const char* path);
void describe_python(const char* version);

// exit or _exit is about to happen. Idempotent; recording goes on (other threads may allocate).
void note_exit(int code, bool code_known);

// The program is about to install a filter of system calls, which may end it for the next one that
// mla makes: recording ends here, in children forked later too, and mla makes none from now on.
void stop_before_filter();

// One event under way in this thread. entered(): it is to be recorded. While the process has no
// file, scopes of all threads exclude each other, so that going to the file loses nothing.
class EventScope {
 public:
  __attribute__((always_inline)) EventScope() : guard_(this_frame()) {
    if (__builtin_expect(guard_.entered() && is_recording(current_mode()), 1)) {
      entered_ = true;
    } else {
      enter_slowly(this_frame());
    }
  }
  ~EventScope() {
    if (__builtin_expect(locked_, 0)) leave_pending();
  }
  EventScope(const EventScope&) = delete;
  EventScope& operator=(const EventScope&) = delete;
  bool entered() const { return entered_; }
  // The process has no file yet; this scope excludes all others.
  bool is_pending() const { return locked_; }

 private:
  void enter_slowly(uintptr_t here);
  void leave_pending();
  ReentryGuard guard_;
  bool entered_ = false;
  bool locked_ = false;
};

// Forks since the first recorded process; starts again at 1 before LiveMap::kGenerations.
extern uint32_t generation;
// MLA_UNWIND_CHECK; 0: none.
extern uint32_t unwind_check_interval;
// Allocations of a process that has no file yet. Within an EventScope.
extern uint64_t pending_allocations;
extern uint64_t pending_bytes;

}  // namespace mla
