// Whether and how densely allocations are sampled, and the change of that while the process runs.
#pragma once

#include <atomic>
#include <cstdint>

#include "capture/live_map.h"
#include "capture/sample_table.h"
#include "capture/shard.h"
#include "segment/control.h"
#include "segment/segment.h"
#include "segment/settings.h"

namespace mla {

// format::kExactInterval, format::kOffInterval, or the mean bytes between samples.
extern std::atomic<uint64_t> sampling_interval;
// Blocks may be in the live map.
extern std::atomic<bool> exact_blocks_exist;

void start_sampling(const Settings& settings);

// Mode of a process that records into its file: kRecording or kSampling.
Mode recording_mode();

// An allocation of `bytes` has brought the thread's countdown below 0 (or the thread has none yet).
// Starts the next countdown. True if the allocation is a sample; `weight` says for what.
bool is_sample(Shard& shard, uint64_t bytes, SampleWeight& weight);

inline bool has_budget() { return segment.header().budget_ppm != 0; }

// Takes up what was asked for from outside (`mla ctl`), and keeps to the budget. `now_ns`: of
// CLOCK_MONOTONIC.
void adjust_sampling(uint64_t now_ns);

// `took_ns` went by between two readings of the clock around work for samples; `times` as often
// it was not measured.
void count_sampling_time(uint64_t took_ns, uint64_t times = 1);

// In a forked child: its CPU time begins anew, and so does what its recording says of itself.
void reset_sampler_after_fork();

// Whether the block may be one of the sampled, or blocks were recorded in exact mode before: if
// not, its free need not be looked at.
inline bool may_be_sampled(uintptr_t address) {
  return sample_table.may_hold(address) || exact_blocks_exist.load(std::memory_order_relaxed);
}
// The same, but also with a look at what was recorded in exact mode.
inline bool may_be_recorded(uintptr_t address, BlockKind kind) {
  return sample_table.may_hold(address) ||
         (exact_blocks_exist.load(std::memory_order_relaxed) &&
          map_of(kind).find(address).site != format::SiteId::kNone);
}

// Removes the block from whichever table holds it.
LiveBlock take_recorded(uintptr_t address, BlockKind kind);

}  // namespace mla
