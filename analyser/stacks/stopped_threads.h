// The threads of a process, standing still while the object lives. Threads that did not come to
// stand in time are let go when the thread that made the object ends: give it one of its own.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <vector>

#include "stacks/target.h"

namespace mla {

class StoppedThreads {
 public:
  using Clock = std::chrono::steady_clock;

  // Stops all threads of `pid`; those that do not stop within `patience_ms` (in an uninterruptible
  // call of the kernel) are found without registers. Throws Error if mla may not.
  StoppedThreads(pid_t pid, int patience_ms);
  ~StoppedThreads();
  StoppedThreads(const StoppedThreads&) = delete;
  StoppedThreads& operator=(const StoppedThreads&) = delete;

  // Those that ended meanwhile are without registers, too.
  std::vector<TargetThread>& threads() { return threads_; }
  // Of a thread that stands still; 0: none does.
  pid_t stopped_tid() const;
  // When the first was stopped.
  Clock::time_point began() const { return began_; }

 private:
  struct Stop {
    bool stopped = false;
    bool ended = false;
    int signal = 0;  // that was about to be delivered, and will be
  };
  bool seize_new(pid_t pid);
  void wait_for_stops(int patience_ms);
  void read_registers(size_t i);
  void make_again(uint32_t tid, user_regs_struct user) const;
  void release();

  bool has_filter_;  // seccomp
  std::vector<TargetThread> threads_;
  std::vector<Stop> stops_;  // beside threads_
  Clock::time_point began_;
};

// Throws the Error that says why mla may not trace the process: `error` is ptrace's errno.
[[noreturn]] void refuse_to_trace(pid_t pid, int error);

}  // namespace mla
