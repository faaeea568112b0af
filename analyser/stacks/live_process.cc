#include "stacks/live_process.h"

#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <future>

#include "reader/error.h"
#include "reader/process.h"
#include "reader/regular_file.h"
#include "stacks/proc_files.h"
#include "stacks/stopped_threads.h"

namespace mla {

namespace {

constexpr int kPatienceMs = 100;
// Of a thread's stack. What is in use of it is less, mostly some 10 KiB; a coroutine's may lie in
// the middle of a heap of any size.
constexpr uint64_t kMostStackBytes = 2 << 20;
constexpr uint64_t kRedZone = 128;  // bytes below the stack pointer that the x86-64 ABI has

pid_t checked_process(pid_t given) {
  const std::string subject = "pid " + std::to_string(given);
  const std::string group = status_field(given, "Tgid");
  if (group.empty()) refuse_to_trace(given, ESRCH);
  const auto pid = static_cast<pid_t>(std::stol(group));
  if (pid == getpid()) {
    throw Error(subject, "is mla itself", "give the pid of another process");
  }
  const auto stat = read_process_stat(static_cast<uint32_t>(pid));
  if (!stat) refuse_to_trace(given, ESRCH);
  if ((stat->state == 'Z' || stat->state == 'X') && thread_ids(pid).size() <= 1) {
    throw Error(
        subject, "has ended and waits to be reaped (zombie)",
        "it has no stacks any more; look at its parent, process " + status_field(pid, "PPid"));
  }
  if (stat->state != 'Z' && status_field(pid, "VmSize").empty()) {
    throw Error(subject, "is a thread of the kernel",
                "its stack is in /proc/" + std::to_string(pid) + "/stack, for root");
  }
  return pid;
}

// Threads made while one exists have the signals of job control blocked, too.
class JobControlHeld {
 public:
  JobControlHeld() {
    sigset_t stops;
    sigemptyset(&stops);
    for (const int signal : {SIGTSTP, SIGTTIN, SIGTTOU}) sigaddset(&stops, signal);
    pthread_sigmask(SIG_BLOCK, &stops, &before_);
  }
  ~JobControlHeld() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  JobControlHeld(const JobControlHeld&) = delete;
  JobControlHeld& operator=(const JobControlHeld&) = delete;

 private:
  sigset_t before_{};
};

// The first thread, unless it has ended: others may be gone in a moment.
pid_t living_thread(pid_t pid) {
  std::vector<pid_t> candidates = thread_ids(pid);
  candidates.insert(candidates.begin(), pid);
  for (const pid_t tid : candidates) {
    const char state = describe_thread(pid, tid).state;
    if (state != 'Z' && state != 'X') return tid;
  }
  return pid;
}

}  // namespace

void LiveMemory::begin(pid_t tid, Clock::time_point end) {
  forget();
  pid_ = tid;  // the first thread may have ended, and has no memory then
  end_ = end;
}

bool LiveMemory::may_read() {
  if (!out_of_time_) out_of_time_ = Clock::now() > end_;
  return !frozen_ && !out_of_time_;
}

bool LiveMemory::fetch(uint64_t address, Page& page) {
  if (!may_read()) return false;
  iovec to{page.data(), page.size()};
  iovec from{reinterpret_cast<void*>(address), page.size()};
  return process_vm_readv(pid_, &to, 1, &from, 1, 0) == static_cast<ssize_t>(page.size());
}

void LiveMemory::copy(uint64_t address, uint64_t bytes) {
  constexpr uint64_t kPiece = 32 * kPageBytes;
  std::vector<std::byte> piece(kPiece);
  uint64_t at = address / kPageBytes * kPageBytes;
  const uint64_t end = address + bytes;
  while (at < end && may_read()) {
    iovec to{piece.data(), piece.size()};
    iovec from{reinterpret_cast<void*>(at), piece.size()};
    const ssize_t got = process_vm_readv(pid_, &to, 1, &from, 1, 0);
    if (got <= 0) return;
    const uint64_t whole = static_cast<uint64_t>(got) / kPageBytes;
    for (uint64_t i = 0; i < whole; ++i) keep(at + i * kPageBytes, &piece[i * kPageBytes]);
    at += kPiece;
    if (static_cast<uint64_t>(got) < kPiece) return;
  }
}

LiveProcess::LiveProcess(pid_t pid)
    : pid_(checked_process(pid)),
      alive_(living_thread(pid_)),
      memory_(alive_),
      modules_(find_modules(read_mappings(alive_), memory_)) {
  if (modules_.empty()) {
    // Where it has mappings they could not be read.
    uint64_t probe = 0;
    const std::vector<Mapping> mappings = read_mappings(alive_);
    if (mappings.empty()) refuse_to_trace(pid_, ESRCH);
    if (!memory_.load(mappings.front().start, probe)) refuse_to_trace(pid_, EPERM);
    throw Error("pid " + std::to_string(pid_), "is no 64-bit x86 program",
                "mla reads the stacks of those only");
  }
}

std::string LiveProcess::executable() const {
  std::error_code error;
  return std::filesystem::read_symlink("/proc/" + std::to_string(alive_) + "/exe", error).string();
}

std::vector<std::string> LiveProcess::arguments() const {
  const std::string text = read_regular_file("/proc/" + std::to_string(alive_) + "/cmdline");
  std::vector<std::string> arguments;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\0', at), text.size());
    arguments.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return arguments;
}

// All of it is done by a thread of its own, with whose end the kernel lets go of whatever is still
// held. Meanwhile nobody can stop mla itself from a terminal, and the process with it.
LiveProcess::Moment LiveProcess::look(const std::function<void()>& copy) {
  const JobControlHeld held;
  return std::async(std::launch::async, [&] { return look_from_here(copy); }).get();
}

LiveProcess::Moment LiveProcess::look_from_here(const std::function<void()>& copy) {
  using Clock = LiveMemory::Clock;
  Moment moment;
  Clock::time_point began;
  {
    StoppedThreads stopped(pid_, kPatienceMs);
    if (stopped.threads().empty()) refuse_to_trace(pid_, ESRCH);
    memory_.begin(stopped.stopped_tid(),
                  stopped.began() + std::chrono::milliseconds(kMostStoppedMs));
    for (TargetThread& thread : stopped.threads()) {
      if (!thread.registers) continue;
      name_restarted_call(*thread.registers, memory_);
      memory_.copy(thread.registers->stack_pointer() - kRedZone, kMostStackBytes);
    }
    copy();
    began = stopped.began();
    moment.threads = std::move(stopped.threads());
    memory_.freeze();
  }
  moment.stopped_s = std::chrono::duration<double>(Clock::now() - began).count();
  moment.out_of_time = memory_.out_of_time();
  return moment;
}

}  // namespace mla
