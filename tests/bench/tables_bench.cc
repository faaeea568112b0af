// What is done with a stack once it is known: live map, site, counters, samples; and whole pairs of
// an allocation and its free.
#include <benchmark/benchmark.h>

#include <cstdint>

#include "bench_recording.h"
#include "capture/live_map.h"
#include "capture/recorder.h"
#include "capture/sample_table.h"
#include "capture/sites.h"
#include "capture/stack_trie.h"
#include "segment/control.h"

namespace mla {
namespace {

constexpr uintptr_t kHeap = 1ULL << 40;  // addresses nobody reads
constexpr uintptr_t kBlockBytes = 64;
constexpr uint64_t kInterval = 512 << 10;

// Blocks 0, 1, 2 ... of `count`, over and over.
class Blocks {
 public:
  explicit Blocks(int64_t count) : end_(kHeap + static_cast<uintptr_t>(count) * kBlockBytes) {}
  uintptr_t next() {
    at_ = at_ + kBlockBytes < end_ ? at_ + kBlockBytes : kHeap;
    return at_;
  }
  static const void* pointer(uintptr_t address) { return reinterpret_cast<const void*>(address); }

 private:
  uintptr_t at_ = kHeap;
  uintptr_t end_;
};

void live_map_pair(benchmark::State& state) {
  Blocks blocks(state.range(0));
  LiveBlock stale;
  for ([[maybe_unused]] auto _ : state) {
    const uintptr_t address = blocks.next();
    live_map.insert(address, {format::SiteId::kOverflow, kBlockBytes, 0}, stale);
    benchmark::DoNotOptimize(live_map.take(address));
  }
}

void site_and_counter(benchmark::State& state) {
  constexpr uint32_t kNodes = 1024;
  format::NodeId nodes[kNodes];
  for (uint32_t i = 0; i < kNodes; ++i) {
    nodes[i] = child_node(format::NodeId::kRoot, kHeap + i);
  }
  uint32_t i = 0;
  for ([[maybe_unused]] auto _ : state) {
    const format::SiteId site = heap_site_of(nodes[i++ % kNodes]);
    benchmark::DoNotOptimize(counter_of(bench_shard(), site));
  }
}

void child_of_node(benchmark::State& state) {
  const auto fan_out = static_cast<uint64_t>(state.range(0));
  static ChildCache children;
  uint64_t i = 0;
  for ([[maybe_unused]] auto _ : state) {
    benchmark::DoNotOptimize(children.child_of(0, kHeap + i++ % fan_out));
  }
}

void sample_table_pair(benchmark::State& state) {
  Blocks blocks(state.range(0));
  for ([[maybe_unused]] auto _ : state) {
    const uintptr_t address = blocks.next();
    SampledBlock stale;
    sample_table.insert({address, format::SiteId::kOverflow, 0, {kBlockBytes, 1, 0}}, stale);
    benchmark::DoNotOptimize(sample_table.take(address, BlockKind::kHeap));
  }
}

void unsampled_free_test(benchmark::State& state) {
  Blocks blocks(state.range(0));
  SampledBlock stale;
  const uintptr_t elsewhere = kHeap + (1ULL << 28);  // of the same leaf
  sample_table.insert({elsewhere, format::SiteId::kOverflow, 0, {kBlockBytes, 1, 0}}, stale);
  for ([[maybe_unused]] auto _ : state)
    benchmark::DoNotOptimize(sample_table.may_hold(blocks.next()));
  sample_table.take(elsewhere, BlockKind::kHeap);
}

__attribute__((noinline)) void hook_pair(const void* block, uint64_t bytes) {
  record_allocation(block, bytes, MLA_CALL_CONTEXT());
  record_free(block);
}

void exact_pair(benchmark::State& state) {
  Blocks blocks(state.range(0));
  for ([[maybe_unused]] auto _ : state) hook_pair(Blocks::pointer(blocks.next()), kBlockBytes);
}

// With what is sampled in between, too: one pair in 8,192.
void sampled_pair(benchmark::State& state) {
  sampling_interval.store(kInterval, std::memory_order_relaxed);
  exact_blocks_exist.store(false, std::memory_order_relaxed);
  set_mode(Mode::kSampling);
  Blocks blocks(state.range(0));
  for ([[maybe_unused]] auto _ : state) hook_pair(Blocks::pointer(blocks.next()), kBlockBytes);
  sampling_interval.store(format::kExactInterval, std::memory_order_relaxed);
  exact_blocks_exist.store(true, std::memory_order_relaxed);
  set_mode(Mode::kRecording);
}

// The unsampled pair alone: no allocation ever reaches the next sample point.
void unsampled_pair(benchmark::State& state) {
  set_mode(Mode::kSampling);
  exact_blocks_exist.store(false, std::memory_order_relaxed);
  thread_local_state.countdown = INT64_MAX;
  Blocks blocks(state.range(0));
  for ([[maybe_unused]] auto _ : state) hook_pair(Blocks::pointer(blocks.next()), kBlockBytes);
  thread_local_state.countdown = 0;
  exact_blocks_exist.store(true, std::memory_order_relaxed);
  set_mode(Mode::kRecording);
}

BENCHMARK(live_map_pair)->Arg(256)->Arg(1 << 16);
BENCHMARK(site_and_counter);
BENCHMARK(child_of_node)->Arg(1)->Arg(16)->Arg(512);
BENCHMARK(sample_table_pair)->Arg(256)->Arg(1 << 16);
BENCHMARK(unsampled_free_test)->Arg(256)->Arg(1 << 16);
BENCHMARK(unsampled_pair)->Arg(256)->Arg(1 << 16);
BENCHMARK(sampled_pair)->Arg(256)->Arg(1 << 16);
BENCHMARK(exact_pair)->Arg(256)->Arg(1 << 16);

}  // namespace
}  // namespace mla
