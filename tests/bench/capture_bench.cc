// What a stack costs: same as last time, in a walk through a program, and unwound from the leaf;
// by mla's rules and by libunwind.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <utility>

#include "bench_recording.h"
#include "capture/reference_unwinder.h"
#include "capture/stack_memo.h"
#include "capture/unwind_rule.h"

namespace mla {
namespace {

// As in a hook: the stack of the caller.
__attribute__((noinline)) uint32_t capture_memo() {
  return bench_shard().memo.capture(MLA_CALL_CONTEXT()).node;
}

__attribute__((noinline)) uint32_t capture_cold() {
  StackMemo& memo = bench_shard().memo;
  memo.forget();
  return memo.capture(MLA_CALL_CONTEXT()).node;
}

__attribute__((noinline)) uint32_t capture_reference() {
  static CapturedStack stack;
  return reference_unwind(MLA_CALL_CONTEXT(), stack) ? stack.depth : 0;
}

using Capture = uint32_t (*)();

// Calls `at_depth` from so many frames further in.
template <class F>
__attribute__((noinline)) void descend(int64_t frames, const F& at_depth) {
  if (frames == 0) {
    at_depth();
  } else {
    descend(frames - 1, at_depth);
  }
  asm volatile("" : : : "memory");  // a frame of its own, not a jump
}

void same_stack(benchmark::State& state, Capture capture) {
  descend(state.range(0), [&] {
    for ([[maybe_unused]] auto _ : state) benchmark::DoNotOptimize(capture());
  });
}

// A random walk through a tree of 64 functions below a base of `base` frames, capturing as it
// goes. The walk repeats after 3,000 captures: programs have so many stacks, not infinitely many.
class Walk {
 public:
  explicit Walk(Capture how) : capture_(how) {}

  void run(uint64_t captures) {
    left_ = captures;
    while (left_ > 0) {
      if (captured_ >= next_repeat_) {
        random_ = kSeed;
        next_repeat_ = captured_ + kPeriod;
      }
      visit(0);
    }
  }

  template <int K>
  __attribute__((noinline)) static void function(Walk& walk, int level) {
    char frame[16 + (K * 37) % 160];
    asm volatile("" : : "r"(frame) : "memory");
    const uint32_t children = 1 + walk.random() % 3;
    for (uint32_t i = 0; i < children && walk.left_ > 0; ++i) {
      if (level >= kDeepest || walk.random() % 2 == 0) {
        walk.capture_one();
      } else {
        walk.visit(level + 1);
      }
      if (K % 2 == 1 && walk.left_ > 0) walk.capture_one();
    }
    asm volatile("" : : "r"(frame) : "memory");
  }

 private:
  static constexpr uint64_t kSeed = 42;
  static constexpr uint64_t kPeriod = 3000;
  static constexpr int kDeepest = 16;

  uint32_t random() {
    random_ = random_ * 6364136223846793005ULL + 1442695040888963407ULL;
    return static_cast<uint32_t>(random_ >> 33);
  }
  void capture_one() {
    --left_;
    ++captured_;
    benchmark::DoNotOptimize(capture_());
  }
  void visit(int level);

  Capture capture_;
  uint64_t left_ = 0;
  uint64_t captured_ = 0;
  uint64_t next_repeat_ = 0;
  uint64_t random_ = kSeed;
};

using Function = void (*)(Walk&, int);

template <int... K>
constexpr Function pick(std::integer_sequence<int, K...>, uint32_t i) {
  constexpr Function kAll[] = {Walk::function<K>...};
  return kAll[i];
}

void Walk::visit(int level) {
  pick(std::make_integer_sequence<int, 64>(), random() % 64)(*this, level);
}

void churn(benchmark::State& state, Capture capture) {
  constexpr uint64_t kCaptures = 1000;
  descend(state.range(0), [&] {
    Walk walk(capture);
    for ([[maybe_unused]] auto _ : state) walk.run(kCaptures);
  });
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * kCaptures));
  state.counters["per_capture"] = benchmark::Counter(
      static_cast<double>(kCaptures),
      benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

// The rule of a program counter that was never looked up.
void compute_rules(benchmark::State& state) {
  const auto low = reinterpret_cast<uintptr_t>(&capture_memo);
  uintptr_t pc = low;
  for ([[maybe_unused]] auto _ : state) {
    benchmark::DoNotOptimize(compute_rule(pc));
    pc = pc - low < 64 ? pc + 1 : low;
  }
}

BENCHMARK_CAPTURE(same_stack, memo, capture_memo)->Arg(20)->Arg(40);
BENCHMARK_CAPTURE(same_stack, cold, capture_cold)->Arg(20)->Arg(40);
BENCHMARK_CAPTURE(same_stack, libunwind, capture_reference)->Arg(20)->Arg(40);
BENCHMARK_CAPTURE(churn, memo, capture_memo)->Arg(12)->Arg(24);
BENCHMARK_CAPTURE(churn, cold, capture_cold)->Arg(12);
BENCHMARK_CAPTURE(churn, libunwind, capture_reference)->Arg(12);
BENCHMARK(compute_rules);

}  // namespace
}  // namespace mla
