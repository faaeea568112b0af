#include "stacks/stopped_threads.h"

#include <elf.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "reader/error.h"
#include "reader/regular_file.h"
#include "stacks/proc_files.h"

namespace mla {

namespace {

constexpr int kRoundsForNewThreads = 16;
constexpr auto kPollPause = std::chrono::microseconds(200);
constexpr int kPollsWithoutPause = 200;

// Calls that the kernel does not make again by itself after it was interrupted, and that have done
// nothing when they return EINTR.
constexpr long kNotRestarted[] = {  // NOLINT(google-runtime-int): as in <sys/syscall.h>
    SYS_epoll_wait,    SYS_epoll_pwait, SYS_epoll_pwait2, SYS_rt_sigtimedwait,
    SYS_semop,         SYS_semtimedop,  SYS_io_getevents, SYS_io_pgetevents,
    SYS_read,          SYS_recvfrom,    SYS_recvmsg,      SYS_accept,
    SYS_accept4,       SYS_readv,       SYS_recvmmsg,     SYS_write,
    SYS_writev,        SYS_sendto,      SYS_sendmsg,      SYS_sendmmsg,
    SYS_io_uring_enter};
constexpr int64_t kRestartUnlessHandled = 514;  // ERESTARTNOHAND of the kernel
constexpr int64_t kRestartByCall = 516;         // ERESTART_RESTARTBLOCK

long trace(decltype(PTRACE_SEIZE) request, uint32_t tid, uintptr_t address, uintptr_t data) {
  return ptrace(request, static_cast<pid_t>(tid), reinterpret_cast<void*>(address),
                reinterpret_cast<void*>(data));
}

// Why root is refused. CAP_SYS_PTRACE is what Docker and its like take from root.
[[noreturn]] void refuse_root(const std::string& subject, const std::string& yama, int error) {
  const std::string mine = status_field(getpid(), "CapEff");
  constexpr int kCapSysPtrace = 19;  // <linux/capability.h>
  const uint64_t capabilities = std::strtoull(mine.c_str(), nullptr, 16);
  if ((capabilities >> kCapSysPtrace & 1) == 0) {
    throw Error(subject, "may not be read: this root is without CAP_SYS_PTRACE, as in a container",
                "start the container with --cap-add SYS_PTRACE, or run mla outside of it");
  }
  if (yama == "3") {
    throw Error(subject, "may not be read: kernel.yama.ptrace_scope is 3, which no one may undo",
                "boot with a lower one");
  }
  std::string why = std::string("may not be read, not even by root: ") + std::strerror(error);
  if (status_field(getpid(), "Seccomp") == "2") {
    throw Error(subject, why + "; mla runs under a seccomp filter, which may forbid ptrace",
                "allow ptrace in the container's seccomp profile, or run mla outside of it");
  }
  throw Error(subject, why + "; it is of another user namespace, or AppArmor or SELinux forbids it",
              "run mla as root of the host; the kernel's log says what a security module refused");
}

}  // namespace

void refuse_to_trace(pid_t pid, int error) {
  const std::string subject = "pid " + std::to_string(pid);
  if (error == ESRCH || error == ENOENT) {
    throw Error(subject, "no such process, or it has just ended", "see ps for those there are");
  }
  const std::string tracer = status_field(pid, "TracerPid");
  if (!tracer.empty() && tracer != "0") {
    throw Error(subject, "is traced by process " + tracer + " already",
                "end that one first (gdb, strace): the kernel allows one at a time");
  }
  const std::string uid = std::to_string(geteuid());
  const std::string uids = status_field(pid, "Uid");
  if (geteuid() != 0 && uids.substr(0, uids.find('\t')) != uid) {
    throw Error(subject, "belongs to another user", "run mla as that user or as root");
  }
  const std::string scope = read_regular_file("/proc/sys/kernel/yama/ptrace_scope").substr(0, 1);
  if (geteuid() == 0) refuse_root(subject, scope, error);
  if (!scope.empty() && scope[0] != '0') {
    throw Error(subject, "may not be read: kernel.yama.ptrace_scope is " + scope,
                "run mla as root, or `sysctl kernel.yama.ptrace_scope=0`");
  }
  throw Error(subject, std::string("may not be read: ") + std::strerror(error),
              "run mla as root; in a container with CAP_SYS_PTRACE");
}

StoppedThreads::StoppedThreads(pid_t pid, int patience_ms)
    : has_filter_(status_field(pid, "Seccomp") == "2") {
  try {
    // A thread that is not stopped yet may make another one meanwhile.
    for (int round = 0; round < kRoundsForNewThreads && seize_new(pid); ++round) {
      wait_for_stops(patience_ms);
    }
    for (size_t i = 0; i < threads_.size(); ++i) read_registers(i);
  } catch (...) {
    release();
    throw;
  }
}

StoppedThreads::~StoppedThreads() { release(); }

// False if there is none that is not known yet. All that takes time comes before they are stopped.
bool StoppedThreads::seize_new(pid_t pid) {
  std::vector<TargetThread> found;
  for (const pid_t tid : thread_ids(pid)) {
    const auto known = [tid](const TargetThread& t) { return t.tid == static_cast<uint32_t>(tid); };
    if (std::any_of(threads_.begin(), threads_.end(), known)) continue;
    found.push_back(describe_thread(pid, tid));
  }
  const size_t first = threads_.size();
  for (TargetThread& thread : found) {
    if (trace(PTRACE_SEIZE, thread.tid, 0, 0) != 0) {
      const int error = errno;
      // It ended since it was listed, or does just now; the first stays listed while others run.
      const char state = describe_thread(pid, static_cast<pid_t>(thread.tid)).state;
      if (error == ESRCH || state == 'Z' || state == 'X' || state == TargetThread{}.state) continue;
      refuse_to_trace(pid, error);
    }
    threads_.push_back(std::move(thread));
    stops_.emplace_back();
  }
  if (first == 0) began_ = Clock::now();
  for (size_t i = first; i < threads_.size(); ++i) {
    stops_[i].ended = trace(PTRACE_INTERRUPT, threads_[i].tid, 0, 0) != 0;
  }
  return threads_.size() != first;
}

void StoppedThreads::wait_for_stops(int patience_ms) {
  const auto end = Clock::now() + std::chrono::milliseconds(patience_ms);
  int polls = 0;
  for (;;) {
    bool waiting = false;
    for (size_t i = 0; i < threads_.size(); ++i) {
      Stop& stop = stops_[i];
      if (stop.stopped || stop.ended) continue;
      int status = 0;
      const pid_t got = waitpid(static_cast<pid_t>(threads_[i].tid), &status, __WALL | WNOHANG);
      if (got == 0) {
        waiting = true;
      } else if (got > 0 && WIFSTOPPED(status)) {
        stop.stopped = true;
        const bool by_event = status >> 16 != 0;
        stop.signal = by_event ? 0 : WSTOPSIG(status);
      } else {
        stop.ended = true;
      }
    }
    if (!waiting || Clock::now() >= end) return;
    if (++polls > kPollsWithoutPause) {
      std::this_thread::sleep_for(kPollPause);
    } else {
      std::this_thread::yield();
    }
  }
}

// The program must not see EINTR when there was no signal for it: the kernel is asked to make the
// call again, as it does most others. If a handler is to run now, it returns EINTR all the same.
void StoppedThreads::make_again(uint32_t tid, user_regs_struct user) const {
  const auto call = static_cast<int64_t>(user.orig_rax);
  const auto result = static_cast<int64_t>(user.rax);
  const bool not_restarted =
      result == -EINTR && std::find(std::begin(kNotRestarted), std::end(kNotRestarted), call) !=
                              std::end(kNotRestarted);
  // restart_syscall, with the rest of a time-out, may be a call that a filter kills for.
  const bool filtered = call >= 0 && result == -kRestartByCall && has_filter_;
  if (!not_restarted && !filtered) return;
  user.rax = static_cast<uint64_t>(-kRestartUnlessHandled);
  iovec from{&user, sizeof user};
  ptrace(PTRACE_SETREGSET, static_cast<pid_t>(tid), NT_PRSTATUS, &from);
}

void StoppedThreads::read_registers(size_t i) {
  if (!stops_[i].stopped) return;
  user_regs_struct user{};
  iovec to{&user, sizeof user};
  if (ptrace(PTRACE_GETREGSET, static_cast<pid_t>(threads_[i].tid), NT_PRSTATUS, &to) == 0 &&
      to.iov_len == sizeof user) {
    threads_[i].registers = registers_of(user);
    make_again(threads_[i].tid, user);
  }
}

pid_t StoppedThreads::stopped_tid() const {
  for (size_t i = 0; i < threads_.size(); ++i) {
    if (stops_[i].stopped) return static_cast<pid_t>(threads_[i].tid);
  }
  return 0;
}

// Those that did not stop cannot be let go: the kernel does so when the tracing thread ends.
void StoppedThreads::release() {
  for (size_t i = 0; i < threads_.size(); ++i) {
    if (!stops_[i].stopped) continue;
    trace(PTRACE_DETACH, threads_[i].tid, 0, static_cast<uintptr_t>(stops_[i].signal));
    stops_[i].stopped = false;
  }
}

}  // namespace mla
