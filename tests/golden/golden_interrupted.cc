// A signal that comes at any instruction, a thousand times a second, and allocates.
#include <sys/mman.h>
#include <sys/syscall.h>

#include <cerrno>
#include <csignal>
#include <ctime>

#include "golden.h"
#include "golden_stacks_parts.h"

namespace golden {

namespace {

constexpr int kInterrupts = 100;
constexpr size_t kPage = 4096;
constexpr long kMillisecond = 1000000;

thread_local volatile sig_atomic_t interrupts;
thread_local volatile sig_atomic_t wanted;
thread_local volatile sig_atomic_t in_allocator;
thread_local volatile sig_atomic_t allocated;

// mmap may be called at any time, malloc not: its own lock may be held by who was interrupted.
void on_timer(int) {
  if (wanted == 0) return;
  const int saved = errno;
  interrupts = interrupts + 1;
  void* p =
      mmap(nullptr, kPage, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);  // SITE at_any_time
  REQUIRE(p != MAP_FAILED && munmap(p, kPage) == 0);
  if (in_allocator == 0) {
    free(keep(malloc(78)));  // SITE between_calls live=0
    allocated = allocated + 1;
  }
  errno = saved;
  if (interrupts == kInterrupts) wanted = 0;
}
// EXPECT at_any_time map allocs=100 live=0 interrupted

GOLDEN_FRAME void* allocate(int depth) {
  if (depth > 0) {
    void* p = allocate(depth - 1);
    __asm__ volatile("" ::: "memory");
    return p;
  }
  in_allocator = 1;
  void* p = keep(malloc(79));  // SITE interrupted live=1 live_bytes=79
  in_allocator = 0;
  return p;
}

GOLDEN_FRAME void release(void* p) {
  in_allocator = 1;
  free(p);
  in_allocator = 0;
}

}  // namespace

void catch_interrupts() {
  struct sigaction action = {};
  action.sa_handler = on_timer;
  action.sa_flags = SA_RESTART;
  REQUIRE(sigaction(SIGPROF, &action, nullptr) == 0);
}

void be_interrupted() {
  wanted = 1;
  sigevent event = {};
  event.sigev_notify = SIGEV_THREAD_ID;
  event.sigev_signo = SIGPROF;
  event._sigev_un._tid = static_cast<pid_t>(syscall(SYS_gettid));
  timer_t timer;
  REQUIRE(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);  // SITE timer any
  itimerspec every = {};
  every.it_interval.tv_nsec = every.it_value.tv_nsec = kMillisecond;
  REQUIRE(timer_settime(timer, 0, &every, nullptr) == 0);
  for (int depth = 0; wanted != 0; depth = (depth + 1) % 20) release(allocate(depth));
  REQUIRE(timer_delete(timer) == 0);  // SITE timer_end any
  keep(allocate(1));
}

}  // namespace golden
