// Call sites on stacks that are not easy to unwind. Run with every stack compared with libunwind's.
#include <alloca.h>
#include <ucontext.h>

#include <csignal>
#include <cstdint>
#include <cstring>
#include <stdexcept>

#include "golden.h"
#include "golden_stacks_parts.h"

namespace golden {

namespace {

constexpr int kDeep = 600;
constexpr int kTooDeep = 1500;
constexpr size_t kAlternateStack = 128 * 1024;

template <void (*Bottom)()>
GOLDEN_FRAME int recurse(int depth) {
  int result = 1;
  if (depth == 0) {
    Bottom();
  } else {
    result += recurse<Bottom>(depth - 1);
  }
  __asm__ volatile("" : "+r"(result));
  return result;
}

GOLDEN_FRAME void allocate_deep() {
  free(keep(malloc(65)));  // SITE deep size=65 allocs=13 live=0
}

// Deeper than a stack is recorded: the outer frames are missing, the figures are not.
GOLDEN_FRAME void allocate_too_deep() {
  void* p = keep(malloc(64));  // SITE too_deep size=64 allocs=3 freed=1
  static thread_local int calls;
  if (++calls == 2) free(p);
}

GOLDEN_FRAME void deep() {
  for (int i = 0; i < 10; ++i) REQUIRE(recurse<allocate_deep>(kDeep) >= kDeep);
  for (int i = 0; i < 3; ++i) REQUIRE(recurse<allocate_deep>(kDeep + i) >= kDeep);
  for (int i = 0; i < 3; ++i) REQUIRE(recurse<allocate_too_deep>(kTooDeep) >= kTooDeep);
}

GOLDEN_FRAME void variable_frames(size_t bytes) {
  char* room = static_cast<char*>(alloca(bytes));
  memset(room, 1, bytes);
  keep(room);
  void* p = keep(malloc(70));  // SITE alloca size=70 allocs=4 freed=4
  keep(room);
  free(p);
}

// A frame that realigns its stack, so that its caller is found through a saved pointer.
GOLDEN_FRAME void realigned_frame(size_t bytes) {
  alignas(64) char aligned[64];
  keep(aligned);
  char* room = static_cast<char*>(alloca(bytes));
  keep(room);
  REQUIRE(reinterpret_cast<uintptr_t>(keep(aligned)) % 64 == 0);
  keep(malloc(71));  // SITE realigned size=71 allocs=4 freed=0
  variable_frames(bytes / 2 + 1);
  keep(room);
}

void on_signal(int) {
  void* p = keep(malloc(72));  // SITE handler size=72 allocs=6 freed=3
  static thread_local int calls;
  if (++calls % 2 == 0) free(p);
}
// STACK handler native golden::(anonymous namespace)::on_signal(int)@handler

GOLDEN_FRAME void raises() {
  for (int i = 0; i < 4; ++i) raise(SIGUSR1);  // SITE raised outer size=72 allocs=4 freed=2
}

GOLDEN_FRAME void raises_on_another_stack() {
  stack_t stack = {};
  stack.ss_size = kAlternateStack;
  stack.ss_sp = malloc(stack.ss_size);  // SITE stack size=131072 allocs=1 freed=1
  REQUIRE(sigaltstack(&stack, nullptr) == 0);
  for (int i = 0; i < 2; ++i) raise(SIGUSR2);  // SITE raised_there outer size=72 allocs=2 freed=1
  void* memory = stack.ss_sp;
  stack.ss_flags = SS_DISABLE;
  REQUIRE(sigaltstack(&stack, nullptr) == 0);
  free(memory);
}

thread_local ucontext_t main_context;
thread_local ucontext_t coroutine_context;

void coroutine() {
  for (;;) {
    keep(malloc(73));  // SITE coroutine size=73 allocs=6 freed=0
    REQUIRE(swapcontext(&coroutine_context, &main_context) == 0);
  }
}

GOLDEN_FRAME void switches_stacks() {
  for (int round = 0; round < 2; ++round) {
    void* memory = malloc(kAlternateStack);  // SITE coroutine_stack size=131072 allocs=2 freed=2
    REQUIRE(getcontext(&coroutine_context) == 0);
    coroutine_context.uc_stack.ss_sp = memory;
    coroutine_context.uc_stack.ss_size = kAlternateStack;
    coroutine_context.uc_link = nullptr;
    makecontext(&coroutine_context, coroutine, 0);
    for (int i = 0; i < 3; ++i) {
      REQUIRE(swapcontext(&main_context, &coroutine_context) == 0);
      keep(malloc(74));  // SITE between size=74 allocs=6 freed=0
    }
    free(memory);
  }
}

int compare(const void* a, const void* b) {
  void* p = keep(malloc(75));  // SITE compare live=0
  free(p);
  return *static_cast<const int*>(a) - *static_cast<const int*>(b);
}

GOLDEN_FRAME void sorts() {
  int numbers[100];
  for (int i = 0; i < 100; ++i) numbers[i] = (i * 37) % 100;
  qsort(numbers, 100, sizeof(int), compare);  // SITE qsort outer live=0
  for (int i = 0; i < 100; ++i) REQUIRE(numbers[i] == i);
}

struct AllocatesAtEnd {
  ~AllocatesAtEnd() { keep(malloc(76)); }  // SITE destructor size=76 allocs=8 freed=0
};

GOLDEN_FRAME void throws(int depth) {
  AllocatesAtEnd at_end;
  if (depth == 0) throw std::runtime_error("golden");  // SITE throw live=0
  throws(depth - 1);
  keep(&at_end);
}

GOLDEN_FRAME void catches() {
  for (int i = 0; i < 2; ++i) {
    try {
      throws(3);
    } catch (const std::exception& e) {
      REQUIRE(strcmp(e.what(), "golden") == 0);
      keep(malloc(77));  // SITE caught size=77 allocs=2 freed=0
    }
  }
}

}  // namespace

void once() {
  struct sigaction action = {};
  action.sa_handler = on_signal;
  REQUIRE(sigaction(SIGUSR1, &action, nullptr) == 0);
  action.sa_flags = SA_ONSTACK;
  REQUIRE(sigaction(SIGUSR2, &action, nullptr) == 0);
  install_plugins();
  catch_interrupts();
}

void every_thread() {
  deep();
  for (size_t i = 1; i < 5; ++i) realigned_frame(i * 100);
  raises();
  raises_on_another_stack();
  switches_stacks();
  sorts();
  catches();
  be_interrupted();
}

}  // namespace golden
