// What a thread was doing, told from its registers: the same moment as its stack.
#pragma once

#include <cstdint>
#include <string>

#include "stacks/python_runtime.h"
#include "stacks/target.h"

namespace mla {

enum class Activity {
  kRunning,
  kGil,         // waits for the GIL
  kLock,        // sleeps on a futex: a mutex, a condition, a semaphore, a join
  kPoll,        // epoll, poll or select
  kSleep,       // for a time
  kIo,          // reads or writes, or waits for a connection
  kChild,       // waits for a child process
  kSignal,      // waits for a signal
  kSystemCall,  // any other
  kKernel,      // in the kernel, and not to be interrupted: it could not be stopped
  kEnded,       // ended, not yet reaped
};

struct ThreadState {
  Activity activity = Activity::kRunning;
  std::string system_call;  // its name, or its number if mla knows none; empty: in none
  bool stopped = false;     // by a signal, SIGSTOP mostly
};

ThreadState state_of(const TargetThread& thread, const PythonStacks& python);

// A stable identifier, as in JSON: "running", "gil", "lock".
std::string activity_name(Activity activity);
// For a person: "waiting for the GIL", "in epoll", "reading (recvfrom)".
std::string state_words(const ThreadState& state);

}  // namespace mla
