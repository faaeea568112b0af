#include "capture/sampler.h"

#include "segment/segment.h"
#include "segment/sys.h"

namespace mla {

constinit std::atomic<uint64_t> sampling_interval{format::kExactInterval};
constinit std::atomic<bool> exact_blocks_exist{false};

namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;
// While nothing is recorded, each thread looks this often whether that has changed.
constexpr int64_t kBytesBetweenLooks = 16 << 10;

uint64_t finest_interval;  // the budget makes it no finer
uint32_t budget_ppm;
uint64_t clock_ns;
std::atomic<uint64_t> last_decision_ns;
std::atomic<uint64_t> last_cpu_ns;
std::atomic<uint64_t> last_sampling_ns;

// What is allocated while nothing is recorded stays unknown: the reader has to know when that was.
void note_off_times(format::SegmentHeader& h, bool was_off, bool is_off) {
  if (was_off == is_off) return;
  const uint64_t begin = h.off_begin_ns.load(kRelaxed);
  const uint64_t end = h.off_end_ns.load(kRelaxed);
  uint64_t now = segment.since_start_ns();
  if (was_off) {
    h.off_end_ns.store(now > begin ? now : begin + 1, kRelaxed);
    return;
  }
  if (now <= end) now = end + 1;
  h.off_begin_ns.store(now | (now == 0), kRelaxed);
  if (h.off_first_ns.load(kRelaxed) == 0) h.off_first_ns.store(now | (now == 0), kRelaxed);
}

void set_interval(uint64_t interval) {
  format::SegmentHeader& h = segment.header();
  const bool was_off = sampling_interval.exchange(interval, kRelaxed) == format::kOffInterval;
  note_off_times(h, was_off, interval == format::kOffInterval);
  h.sampling_interval.store(interval, kRelaxed);
  if (interval != format::kExactInterval) h.ever_sampled.store(1, kRelaxed);
  if (interval == format::kExactInterval) exact_blocks_exist.store(true, kRelaxed);
  const Mode mode = current_mode();
  if (is_recording(mode)) change_mode(mode, recording_mode());
}

// What a sample costs does not depend on how many there are: their cost is inverse to the interval.
// Each sample keeps the weight it was taken with, so estimates stay unbiased.
void keep_to_budget(uint64_t now_ns) {
  constexpr uint64_t kPeriod = 50'000'000;    // ns between two decisions,
  constexpr uint64_t kLeastCpu = 20'000'000;  // of which the process has to use so many
  constexpr uint64_t kCoarsest = 1ULL << 30;
  const uint64_t interval = sampling_interval.load(kRelaxed);
  if (budget_ppm == 0 || interval == format::kExactInterval || interval == format::kOffInterval)
    return;
  uint64_t decided = last_decision_ns.load(kRelaxed);
  if (now_ns - decided < kPeriod ||
      !last_decision_ns.compare_exchange_strong(decided, now_ns, kRelaxed)) {
    return;
  }
  const uint64_t cpu = sys::now_ns(CLOCK_PROCESS_CPUTIME_ID);
  const uint64_t spent = segment.header().sampling_ns.load(kRelaxed);
  const uint64_t more_cpu = cpu - last_cpu_ns.load(kRelaxed);
  if (more_cpu < kLeastCpu || spent < last_sampling_ns.load(kRelaxed)) return;
  const uint64_t ppm = (spent - last_sampling_ns.load(kRelaxed)) * 1'000'000 / more_cpu;
  last_cpu_ns.store(cpu, kRelaxed);
  last_sampling_ns.store(spent, kRelaxed);
  uint64_t wanted = interval * ppm / budget_ppm;
  if (wanted > interval * 2) wanted = interval * 2;
  if (wanted < interval / 2) wanted = interval / 2;
  if (wanted > kCoarsest) wanted = kCoarsest;
  if (wanted < finest_interval) wanted = finest_interval;
  const uint64_t change = wanted > interval ? wanted - interval : interval - wanted;
  // Unless somebody asked for another one meanwhile, or for none.
  uint64_t before = interval;
  if (change > interval / 8 &&
      sampling_interval.compare_exchange_strong(before, wanted, kRelaxed)) {
    segment.header().sampling_interval.store(wanted, kRelaxed);
  }
}

// What two readings of the clock show when nothing lies between them.
uint64_t time_of_clock() {
  uint64_t least = UINT64_MAX;
  for (int i = 0; i < 16; ++i) {
    const uint64_t begin = sys::now_ns(CLOCK_MONOTONIC);
    const uint64_t took = sys::now_ns(CLOCK_MONOTONIC) - begin;
    if (took < least) least = took;
  }
  return least;
}

}  // namespace

void start_sampling(const Settings& settings) {
  budget_ppm = settings.budget_ppm;
  finest_interval = settings.finest_interval;
  clock_ns = time_of_clock();
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
    shard.sampled_at_interval = 0;
    local.countdown = kBytesBetweenLooks;  // the caller's tick looks
    return false;
  }
  // The distance that is now over counts as what it was drawn as, also when the interval has
  // changed since. To draw it anew at this point would lose one interval's bytes at each change.
  uint64_t drawn_at = shard.sampled_at_interval;
  shard.sampled_at_interval = interval;
  if (drawn_at == 0) {
    drawn_at = interval;
    local.countdown = draw_distance(shard.random, interval) - static_cast<int64_t>(bytes);
    if (local.countdown >= 0) return false;
  }
  local.countdown = draw_distance(shard.random, interval);
  weight = weigh(shard.random, bytes, drawn_at);
  return true;
}

void adjust_sampling(uint64_t now_ns) {
  std::atomic<uint64_t>& request = segment.header().requested_interval;
  if (__builtin_expect(request.load(kRelaxed) != format::kNoRequest, 0)) {
    const uint64_t asked = request.exchange(format::kNoRequest, kRelaxed);
    if (asked != format::kNoRequest) {
      finest_interval = asked;
      set_interval(asked);
    }
  }
  keep_to_budget(now_ns);
}

void count_sampling_time(uint64_t took_ns, uint64_t times) {
  // A thread that lost its processor meanwhile did not use it for so long.
  constexpr uint64_t kLongest = 50'000;
  if (took_ns > kLongest) took_ns = kLongest;
  // Both readings cost time, and one lies in what they show; what was not measured had none.
  const uint64_t work = took_ns > clock_ns ? took_ns - clock_ns : 0;
  segment.header().sampling_ns.fetch_add(work * times + 2 * clock_ns, kRelaxed);
}

void reset_sampler_after_fork() {
  last_decision_ns.store(0, kRelaxed);
  last_cpu_ns.store(0, kRelaxed);
  last_sampling_ns.store(0, kRelaxed);
  note_off_times(segment.header(), false, sampling_interval.load(kRelaxed) == format::kOffInterval);
}

LiveBlock take_recorded(uintptr_t address, BlockKind kind) {
  if (sample_table.may_hold(address)) {
    const SampledBlock sampled = sample_table.take(address, kind);
    if (sampled.address != 0) {
      return {sampled.site, sampled.weight.bytes,  sampled.generation,
              true,         sampled.weight.blocks, sampled.weight.variance,
              kind,         sampled.label};
    }
  }
  LiveBlock block;
  if (exact_blocks_exist.load(kRelaxed)) block = map_of(kind).take(address);
  block.kind = kind;
  return block;
}

}  // namespace mla
