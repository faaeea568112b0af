// A running process, seen from outside and stopped as shortly as can be.
//
// * Threads are seized (PTRACE_SEIZE) and interrupted, which sends them no signal: one that is
//   stopped (SIGSTOP) stays so. Calls that it interrupts are made again, with their whole timeout;
//   none returns EINTR for it. When mla dies, at whatever moment, the kernel lets them go.
// * All of them stand still at one time. Only copying is done then: registers, stacks, and what
//   `copy` reads. Nothing is read of the process afterwards.
// * After kMostStoppedMs no more is copied: what is missing by then is missing.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "stacks/target.h"

namespace mla {

class LiveMemory : public ProcessMemory {
 public:
  using Clock = std::chrono::steady_clock;

  explicit LiveMemory(pid_t pid) : pid_(pid) {}
  // All that was read before is forgotten; what follows is read of thread `tid`, until `end`.
  void begin(pid_t tid, Clock::time_point end);
  // Up to `bytes` from `address` on, at once.
  void copy(uint64_t address, uint64_t bytes);
  // Nothing is read any more.
  void freeze() { frozen_ = true; }
  bool out_of_time() const { return out_of_time_; }

 private:
  bool fetch(uint64_t address, Page& page) override;
  bool may_read();

  pid_t pid_;
  Clock::time_point end_ = Clock::time_point::max();
  bool frozen_ = false;
  bool out_of_time_ = false;
};

class LiveProcess {
 public:
  static constexpr int kMostStoppedMs = 250;

  // Throws Error if there is no such process, or it is none whose stacks can be read.
  explicit LiveProcess(pid_t pid);

  pid_t pid() const { return pid_; }  // of the process, also if a thread's was given
  const std::vector<LoadedModule>& modules() const { return modules_; }
  ProcessMemory& memory() { return memory_; }
  std::string executable() const;
  std::vector<std::string> arguments() const;

  struct Moment {
    std::vector<TargetThread> threads;  // by tid
    double stopped_s = 0;               // from the first thread's stop to the last one's release
    bool out_of_time = false;           // not all could be copied
  };
  // Stops the process, copies the registers and stacks of all threads, calls `copy`, which may read
  // memory(), and lets go. Throws Error if mla may not.
  Moment look(const std::function<void()>& copy);

 private:
  Moment look_from_here(const std::function<void()>& copy);

  pid_t pid_;
  // A thread that is alive: the first one may have ended, and /proc shows nothing of it then.
  pid_t alive_;
  LiveMemory memory_;
  std::vector<LoadedModule> modules_;
};

}  // namespace mla
