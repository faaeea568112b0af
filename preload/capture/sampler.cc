#include "capture/sampler.h"

#include "segment/segment.h"
#include "segment/sys.h"

namespace mla {

constinit std::atomic<uint64_t> sampling_interval{format::kExactInterval};
constinit std::atomic<bool> exact_blocks_exist{false};
constinit std::atomic<bool> sampled_blocks_exist{false};

namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;
// While nothing is recorded, each thread looks this often whether that has changed.
constexpr int64_t kBytesBetweenLooks = 1 << 20;

uint64_t finest_interval;  // the budget may make it coarser, never finer than asked for
uint32_t budget_ppm;
std::atomic<uint64_t> last_cpu_ns;
std::atomic<uint64_t> last_sampling_ns;

void set_interval(uint64_t interval) {
  format::SegmentHeader& h = segment.header();
  sampling_interval.store(interval, kRelaxed);
  h.sampling_interval.store(interval, kRelaxed);
  if (interval != format::kExactInterval) h.ever_sampled.store(1, kRelaxed);
  if (interval == format::kExactInterval) exact_blocks_exist.store(true, kRelaxed);
  const Mode mode = current_mode();
  if (is_recording(mode)) set_mode(recording_mode());
}

// Doubles the interval while samples cost more than the budget, halves it when they cost less than
// a quarter of it. Each sample keeps the weight it was taken with, so estimates stay unbiased.
void keep_to_budget() {
  constexpr uint64_t kLeastCpu = 20'000'000;  // ns between two decisions
  constexpr uint64_t kCoarsest = 1ULL << 30;
  const uint64_t interval = sampling_interval.load(kRelaxed);
  if (budget_ppm == 0 || interval == format::kExactInterval || interval == format::kOffInterval)
    return;
  const uint64_t cpu = sys::now_ns(CLOCK_PROCESS_CPUTIME_ID);
  const uint64_t spent = segment.header().sampling_ns.load(kRelaxed);
  const uint64_t more_cpu = cpu - last_cpu_ns.load(kRelaxed);
  if (more_cpu < kLeastCpu || spent < last_sampling_ns.load(kRelaxed)) return;
  const uint64_t ppm = (spent - last_sampling_ns.load(kRelaxed)) * 1'000'000 / more_cpu;
  last_cpu_ns.store(cpu, kRelaxed);
  last_sampling_ns.store(spent, kRelaxed);
  if (ppm > budget_ppm && interval < kCoarsest) set_interval(interval * 2);
  if (ppm < budget_ppm / 4 && interval / 2 >= finest_interval) set_interval(interval / 2);
}

}  // namespace

void start_sampling(const Settings& settings) {
  budget_ppm = settings.budget_ppm;
  finest_interval = settings.sample_interval;
  segment.header().budget_ppm = budget_ppm;
  set_interval(settings.sample_interval);
}

Mode recording_mode() {
  return sampling_interval.load(kRelaxed) == format::kExactInterval ? Mode::kRecording
                                                                    : Mode::kSampling;
}

bool is_sample(Shard& shard, uint64_t bytes, SampleWeight& weight) {
  ThreadLocal& local = thread_local_state;
  const uint64_t interval = sampling_interval.load(kRelaxed);
  if (interval == format::kOffInterval) {
    local.countdown = kBytesBetweenLooks;  // the caller's tick looks
    return false;
  }
  const auto size = static_cast<int64_t>(bytes);
  // Exponential distances have no memory, so at a change they may be drawn anew.
  if (shard.sampled_at_interval != interval) {
    shard.sampled_at_interval = interval;
    local.countdown = draw_distance(shard.random, interval) - size;
    if (local.countdown >= 0) return false;
  }
  local.countdown = draw_distance(shard.random, interval);
  weight = weigh(shard.random, bytes, interval);
  return true;
}

void adjust_sampling() {
  const uint64_t asked = segment.header().requested_interval.exchange(format::kNoRequest, kRelaxed);
  if (asked != format::kNoRequest) {
    finest_interval = asked;
    set_interval(asked);
  }
  keep_to_budget();
}

void reset_sampler_after_fork() {
  last_cpu_ns.store(0, kRelaxed);
  last_sampling_ns.store(0, kRelaxed);
}

LiveBlock take_recorded(uintptr_t address) {
  if (sampled_blocks_exist.load(kRelaxed) && sample_table.may_hold(address)) {
    SampledBlock sampled;
    if (!sample_table.take(address, sampled)) {
      segment.count_loss(format::Loss::kMissedFree);
      return {};
    }
    if (sampled.address != 0) {
      return {sampled.site, sampled.weight.bytes,  sampled.generation,
              true,         sampled.weight.blocks, sampled.weight.variance};
    }
  }
  return exact_blocks_exist.load(kRelaxed) ? live_map.take(address) : LiveBlock{};
}

}  // namespace mla
