// Thirty-two threads allocate by ever other stacks, four load and unload libraries and call them,
// and a fifth does so too while SIGPROF interrupts it 1,000 times a second; its handler allocates.
//
// Usage: loading_storm SECONDS LIBRARY...
// Prints the numbers of libraries loaded, of signals handled, and of allocations made in handlers.
#include <dlfcn.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "support/many_stacks.h"

namespace {

using mla::test::by_path;
using mla::test::churn;

constexpr unsigned kTurns = 11;
constexpr int kAllocators = 32;
constexpr int kLoaders = 4;
constexpr long kSignalNs = 1000000;

std::atomic<bool> stop{false};
std::atomic<long> loaded{0};
std::atomic<long> handled{0};
std::atomic<long> allocated_in_handler{0};
std::vector<std::string> libraries;

void load_and_call(std::minstd_rand& random) {
  void* handle = dlopen(libraries[random() % libraries.size()].c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    std::fprintf(stderr, "%s\n", dlerror());
    std::_Exit(1);
  }
  const auto allocate = reinterpret_cast<void* (*)(size_t)>(dlsym(handle, "plugin_allocate"));
  void* blocks[20];
  for (void*& block : blocks) block = allocate(16 + random() % 500);
  for (int i = 0; i < 10; ++i) std::free(blocks[i]);
  dlclose(handle);
  for (int i = 10; i < 20; ++i) std::free(blocks[i]);  // allocated by code that is gone
  ++loaded;
}

// Where a handler may allocate although malloc is not async-signal-safe: what it interrupted is not
// the allocator, nor called by it.
struct Range {
  uintptr_t low = 0;
  uintptr_t high = 0;
};
Range safe[8];
int safe_count = 0;

void find_safe_code(bool mla_too) {
  std::FILE* maps = std::fopen("/proc/self/maps", "re");
  char line[4096];
  while (maps != nullptr && std::fgets(line, sizeof line, maps) != nullptr) {
    Range range;
    char permissions[8];
    const bool wanted = std::strstr(line, "/loading_storm") != nullptr ||
                        (mla_too && std::strstr(line, "/libmla.so") != nullptr);
    if (wanted && safe_count < 8 &&
        std::sscanf(line, "%lx-%lx %7s", &range.low, &range.high, permissions) == 3 &&
        permissions[2] == 'x') {
      safe[safe_count++] = range;
    }
  }
  if (maps != nullptr) std::fclose(maps);
}

void handle(int, siginfo_t*, void* context) {
  ++handled;
#if defined(__x86_64__)
  const auto pc =
      static_cast<uintptr_t>(static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_RIP]);
#else
  const uintptr_t pc = static_cast<ucontext_t*>(context)->uc_mcontext.pc;
#endif
  for (int i = 0; i < safe_count; ++i) {
    if (pc < safe[i].low || pc >= safe[i].high) continue;
    std::free(by_path(static_cast<unsigned>(handled), 9, 100));
    ++allocated_in_handler;
  }
}

void take_signals() {
  sigevent event{};
  event.sigev_notify = SIGEV_THREAD_ID;
  event.sigev_signo = SIGPROF;
  event._sigev_un._tid = static_cast<pid_t>(syscall(SYS_gettid));
  timer_t timer;
  if (timer_create(CLOCK_MONOTONIC, &event, &timer) != 0) std::_Exit(1);
  const itimerspec often{{0, kSignalNs}, {0, kSignalNs}};
  timer_settime(timer, 0, &often, nullptr);
  // Signals that come while a thread waits for a processor are one: it is to wait less than the
  // others. Where that is not permitted fewer signals come.
  setpriority(PRIO_PROCESS, static_cast<id_t>(event._sigev_un._tid), -20);
  std::minstd_rand random(99);
  while (!stop) {
    load_and_call(random);
    churn(200, kTurns);
  }
  timer_delete(timer);
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 3) return 2;
  libraries.assign(arguments + 2, arguments + count);
  // Other allocators map memory through mla while they hold their locks.
  const char* allocator = std::getenv("MLA_ALLOCATOR");
  find_safe_code(allocator == nullptr || std::strcmp(allocator, "ptmalloc2") == 0);
  struct sigaction action {};
  action.sa_sigaction = handle;
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  sigaction(SIGPROF, &action, nullptr);
  std::vector<std::thread> threads;
  for (int i = 0; i < kAllocators; ++i) {
    threads.emplace_back([] {
      while (!stop) churn(1000, kTurns);
    });
  }
  for (int i = 0; i < kLoaders; ++i) {
    threads.emplace_back([i] {
      std::minstd_rand random(static_cast<unsigned>(i + 1));
      while (!stop) load_and_call(random);
    });
  }
  threads.emplace_back(take_signals);
  std::this_thread::sleep_for(std::chrono::duration<double>(std::atof(arguments[1])));
  stop = true;
  for (std::thread& thread : threads) thread.join();
  std::printf("%ld %ld %ld\n", loaded.load(), handled.load(), allocated_in_handler.load());
  return 0;
}
