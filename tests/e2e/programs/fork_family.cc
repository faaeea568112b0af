// A process that has children in every way there is. Each process allocates and frees a known
// number of blocks at known functions, so that its recording can be checked to the last block.
//
// Usage: fork_family HOW [DEPTH]
//   HOW: fork, syscall, clone, threads (other threads allocate at the fork), vfork, vfork-exit,
//   spawn,
//        system, daemon, chain (DEPTH levels, each the child of the one before)
// Prints "NAME PID" for each process whose recording matters.
#include <sched.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

extern char** environ;

namespace {

constexpr int kBefore = 3000;          // blocks alive at the fork
constexpr int kInheritedFreed = 1000;  // of them, freed by a child
constexpr int kOfChild = 5000;         // allocated by a child
constexpr int kOfChildFreed = 2000;    // of them, freed again
constexpr int kAfter = 700;            // allocated by the parent after the fork

std::vector<void*> blocks(kBefore);

[[gnu::noinline]] void* before_fork() { return std::malloc(100); }
[[gnu::noinline]] void* in_child() { return std::malloc(48); }
[[gnu::noinline]] void* after_fork() { return std::malloc(24); }
[[gnu::noinline]] void* in_thread() { return std::malloc(40); }

// Without stdio, so that nothing is buffered twice.
void say(const char* name) {
  char line[64];
  const int n = std::snprintf(line, sizeof line, "%s %ld\n", name, syscall(SYS_getpid));
  if (write(STDOUT_FILENO, line, static_cast<size_t>(n)) != n) _exit(99);
}

void child_work() {
  static void* own[kOfChild];
  for (int i = 0; i < kInheritedFreed; ++i) std::free(blocks[i]);
  for (void*& block : own) block = in_child();
  for (int i = 0; i < kOfChildFreed; ++i) std::free(own[i]);
}

[[noreturn]] void be_child(const char* name) {
  say(name);
  child_work();
  std::exit(7);
}

void parent_work() {
  for (int i = 0; i < kAfter; ++i) {
    if (after_fork() == nullptr) std::abort();
  }
}

int wait_for(pid_t pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) != pid) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

long raw_clone() {
#if defined(__x86_64__)
  return syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, nullptr);
#else
  return syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, 0UL);
#endif
}

int have_child(const std::string& how) {
  const long pid = how == "syscall" || how == "clone" ? raw_clone() : fork();
  if (pid == 0) be_child("child");
  return wait_for(static_cast<pid_t>(pid));
}

// The child executes this program again, to be a process without inherited blocks.
int have_executed(const std::string& how) {
  char self[] = "/proc/self/exe";
  char leaf[] = "leaf";
  char* arguments[] = {self, leaf, nullptr};
  if (how == "system") return WEXITSTATUS(std::system("exec /proc/$PPID/exe leaf"));
  pid_t pid = 0;
  if (how == "spawn") {
    if (posix_spawn(&pid, self, nullptr, nullptr, arguments, environ) != 0) return 98;
  } else {
    pid = vfork();
    if (pid == 0) {
      if (how == "vfork-exit") _exit(3);
      execv(self, arguments);
      _exit(97);
    }
  }
  return wait_for(pid);
}

int with_threads() {
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&stop] {
      while (!stop) std::free(in_thread());
    });
  }
  int code = 0;
  for (int i = 0; i < 3; ++i) code = have_child("fork");
  stop = true;
  for (std::thread& thread : threads) thread.join();
  return code;
}

void daemonise() {
  int done[2];
  if (pipe(done) != 0) std::abort();
  const pid_t pid = fork();
  if (pid == 0) {
    setsid();
    if (fork() != 0) _exit(0);
    be_child("child");
  }
  close(done[1]);
  wait_for(pid);
  char byte = 0;
  // The daemon holds the other end until it is gone.
  while (read(done[0], &byte, 1) > 0) {
  }
}

int chain(int depth) {
  char name[16];
  std::snprintf(name, sizeof name, "level%d", depth);
  say(name);
  if (depth == 0) return 0;
  std::vector<void*> own(2000);
  for (void*& block : own) block = in_child();
  const pid_t pid = fork();
  if (pid == 0) {
    // One block of each generation before: the child of the child frees what its parent inherited.
    std::free(blocks[depth]);
    std::free(own[0]);
    std::exit(chain(depth - 1));
  }
  return wait_for(pid);
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 2) return 2;
  const std::string how = arguments[1];
  if (how == "leaf") {
    say("leaf");
    for (int i = 0; i < kOfChild; ++i) {
      if (in_child() == nullptr) std::abort();
    }
    return 7;
  }
  for (void*& block : blocks) block = before_fork();
  say("parent");
  int code = 0;
  if (how == "threads") {
    code = with_threads();
  } else if (how == "daemon") {
    daemonise();
  } else if (how == "chain") {
    code = chain(count > 2 ? std::atoi(arguments[2]) : 9);
  } else if (how == "fork" || how == "syscall" || how == "clone") {
    code = have_child(how);
  } else {
    code = have_executed(how);
  }
  parent_work();
  return code;
}
