#include "stacks/thread_state.h"

#include <linux/futex.h>
#include <sys/syscall.h>

#include <algorithm>

namespace mla {

namespace {

struct KnownCall {
  int64_t number;
  const char* name;
  Activity activity;
};

constexpr KnownCall kCalls[] = {
    {SYS_futex, "futex", Activity::kLock},
    {SYS_epoll_wait, "epoll_wait", Activity::kPoll},
    {SYS_epoll_pwait, "epoll_pwait", Activity::kPoll},
    {SYS_poll, "poll", Activity::kPoll},
    {SYS_ppoll, "ppoll", Activity::kPoll},
    {SYS_select, "select", Activity::kPoll},
    {SYS_pselect6, "pselect6", Activity::kPoll},
    {SYS_nanosleep, "nanosleep", Activity::kSleep},
    {SYS_clock_nanosleep, "clock_nanosleep", Activity::kSleep},
    {SYS_read, "read", Activity::kIo},
    {SYS_readv, "readv", Activity::kIo},
    {SYS_pread64, "pread64", Activity::kIo},
    {SYS_write, "write", Activity::kIo},
    {SYS_writev, "writev", Activity::kIo},
    {SYS_pwrite64, "pwrite64", Activity::kIo},
    {SYS_recvfrom, "recvfrom", Activity::kIo},
    {SYS_recvmsg, "recvmsg", Activity::kIo},
    {SYS_recvmmsg, "recvmmsg", Activity::kIo},
    {SYS_sendto, "sendto", Activity::kIo},
    {SYS_sendmsg, "sendmsg", Activity::kIo},
    {SYS_sendfile, "sendfile", Activity::kIo},
    {SYS_splice, "splice", Activity::kIo},
    {SYS_accept, "accept", Activity::kIo},
    {SYS_accept4, "accept4", Activity::kIo},
    {SYS_connect, "connect", Activity::kIo},
    {SYS_open, "open", Activity::kIo},
    {SYS_openat, "openat", Activity::kIo},
    {SYS_fsync, "fsync", Activity::kIo},
    {SYS_fdatasync, "fdatasync", Activity::kIo},
    {SYS_flock, "flock", Activity::kIo},
    {SYS_fcntl, "fcntl", Activity::kIo},
    {SYS_io_getevents, "io_getevents", Activity::kIo},
    {SYS_io_uring_enter, "io_uring_enter", Activity::kIo},
    {SYS_wait4, "wait4", Activity::kChild},
    {SYS_waitid, "waitid", Activity::kChild},
    {SYS_pause, "pause", Activity::kSignal},
    {SYS_rt_sigsuspend, "rt_sigsuspend", Activity::kSignal},
    {SYS_rt_sigtimedwait, "rt_sigtimedwait", Activity::kSignal},
    {SYS_mmap, "mmap", Activity::kSystemCall},
    {SYS_munmap, "munmap", Activity::kSystemCall},
    {SYS_mremap, "mremap", Activity::kSystemCall},
    {SYS_mprotect, "mprotect", Activity::kSystemCall},
    {SYS_madvise, "madvise", Activity::kSystemCall},
    {SYS_brk, "brk", Activity::kSystemCall},
    {SYS_sched_yield, "sched_yield", Activity::kSystemCall},
    {SYS_clone3, "clone3", Activity::kSystemCall},
    {SYS_kill, "kill", Activity::kSystemCall},
    {SYS_tgkill, "tgkill", Activity::kSystemCall},  // raise and abort
};

bool is_gil(uint64_t address, const PythonStacks& python) {
  return std::any_of(python.gils.begin(), python.gils.end(), [address](const auto& gil) {
    return address >= gil.start && address < gil.end;
  });
}

// Others than these do not wait.
bool is_futex_wait(uint64_t operation) {
  constexpr uint64_t kCommand = 127;
  switch (operation & kCommand) {
    case FUTEX_WAIT:
    case FUTEX_WAIT_BITSET:
    case FUTEX_LOCK_PI:
    case FUTEX_LOCK_PI2:
    case FUTEX_WAIT_REQUEUE_PI:
      return true;
    default:
      return false;
  }
}

// select() and poll() of nothing are how programs slept before they had better ones.
bool waits_for_nothing(const Registers& registers) {
  const uint64_t descriptors =
      registers
          .arguments[registers.system_call == SYS_poll || registers.system_call == SYS_ppoll ? 1
                                                                                             : 0];
  return descriptors == 0 && registers.system_call != SYS_epoll_wait &&
         registers.system_call != SYS_epoll_pwait;
}

std::string polled_by(const std::string& call) {
  for (const char* kind : {"epoll", "poll", "select"}) {
    if (call.find(kind) != std::string::npos) return kind;
  }
  return call;
}

}  // namespace

ThreadState state_of(const TargetThread& thread, const PythonStacks& python) {
  ThreadState state;
  state.stopped = thread.state == 'T';
  if (!thread.registers) {
    const bool ended = thread.state == 'Z' || thread.state == 'X';
    state.activity = ended ? Activity::kEnded : Activity::kKernel;
    return state;
  }
  const Registers& registers = *thread.registers;
  if (registers.system_call < 0) return state;
  const auto known = std::find_if(std::begin(kCalls), std::end(kCalls), [&](const KnownCall& call) {
    return call.number == registers.system_call;
  });
  if (known == std::end(kCalls)) {
    state.activity = Activity::kSystemCall;
    state.system_call = std::to_string(registers.system_call);
    return state;
  }
  state.activity = known->activity;
  state.system_call = known->name;
  if (state.activity == Activity::kLock) {
    if (!is_futex_wait(registers.arguments[1])) {
      state.activity = Activity::kSystemCall;
    } else if (is_gil(registers.arguments[0], python)) {
      state.activity = Activity::kGil;
    }
  }
  if (state.activity == Activity::kPoll && waits_for_nothing(registers)) {
    state.activity = Activity::kSleep;
  }
  return state;
}

std::string activity_name(Activity activity) {
  switch (activity) {
    case Activity::kRunning:
      return "running";
    case Activity::kGil:
      return "gil";
    case Activity::kLock:
      return "lock";
    case Activity::kPoll:
      return "poll";
    case Activity::kSleep:
      return "sleep";
    case Activity::kIo:
      return "io";
    case Activity::kChild:
      return "child";
    case Activity::kSignal:
      return "signal";
    case Activity::kSystemCall:
      return "system_call";
    case Activity::kKernel:
      return "kernel";
    case Activity::kEnded:
      return "ended";
  }
  return "";
}

std::string state_words(const ThreadState& state) {
  const auto words = [&]() -> std::string {
    switch (state.activity) {
      case Activity::kRunning:
        return "running";
      case Activity::kGil:
        return "waiting for the GIL";
      case Activity::kLock:
        return "waiting for a lock";
      case Activity::kPoll:
        return "in " + polled_by(state.system_call);
      case Activity::kSleep:
        return "sleeping";
      case Activity::kIo:
        return "in I/O: " + state.system_call;
      case Activity::kChild:
        return "waiting for a child process";
      case Activity::kSignal:
        return "waiting for a signal";
      case Activity::kSystemCall:
        return "in system call " + state.system_call;
      case Activity::kKernel:
        return "in the kernel, could not be stopped";
      case Activity::kEnded:
        return "ended";
    }
    return "";
  };
  return state.stopped ? "stopped, " + words() : words();
}

}  // namespace mla
