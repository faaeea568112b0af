#include "capture/census.h"

#include "capture/cohort_table.h"
#include "capture/lifecycle.h"
#include "capture/live_map.h"
#include "capture/sampler.h"
#include "capture/signals_held.h"
#include "segment/own_memory.h"
#include "segment/segment.h"
#include "segment/sys.h"

namespace mla {

namespace {

using format::CohortCensus;
using format::CohortRecord;
using format::CounterRecord;
using format::Request;
using format::SegmentHeader;
using format::Table;

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr uint64_t kSliceNs = 200'000;
constexpr uint64_t kSliceShare = 20;
constexpr uint64_t kSliceShareAsked = 1;  // someone waits
constexpr uint64_t kExitShare = 20;
constexpr uint64_t kLeastExitNs = 30'000'000;
constexpr uint64_t kMostExitNs = 200'000'000;
constexpr uint64_t kFirstCensusNs = 20'000'000;  // of active time
constexpr uint32_t kPagesAStep = 8;
constexpr uint32_t kBucketsAStep = 1024;

enum class Phase { kIdle, kCounters, kHeap, kObjects, kSamples };

// Of one census: private memory, for whichever thread comes by.
struct Work {
  CohortTable table;
  LiveMap::Scan scan;
  Phase phase;
  bool asked;
  uint64_t at;  // counter or bucket
  uint64_t counters;
  uint64_t t_ns;
  uint64_t cost_ns;
  // Of the last whole census: what it met.
  uint64_t met_blocks;
  uint64_t met_bytes;
};

Work* work;
// Not a lock: who does not get it leaves.
std::atomic<uint32_t> busy;
std::atomic<bool> under_way;
std::atomic<uint64_t> next_slice_ns;
std::atomic<uint32_t> census_label;  // active time at which the last one was begun
std::atomic<uint32_t> censuses;
std::atomic<uint64_t> last_event_ns;
std::atomic<uint64_t> active_ns;
// Time since the start at which each label began; 0: not yet.
std::atomic<uint64_t> born_ns[format::kMostLabel + 1];

void set_birth_label(uint32_t label) {
  live_map.set_birth_label(static_cast<uint8_t>(label));
  object_map.set_birth_label(static_cast<uint8_t>(label));
}

// Active time goes on by the time between two ticks, cut.
void advance(uint64_t now) {
  uint64_t seen = last_event_ns.load(kRelaxed);
  if (now <= seen || !last_event_ns.compare_exchange_strong(seen, now, kRelaxed)) return;
  const uint64_t most = format::most_gap(active_ns.load(kRelaxed));
  const uint64_t gap = now - seen < most ? now - seen : most;
  const uint32_t label = format::birth_label(active_ns.fetch_add(gap, kRelaxed) + gap);
  const uint32_t before = live_map.birth_label();
  if (label <= before) return;  // lower: another thread was faster
  const uint64_t t = now - segment.header().start_monotonic_ns;
  for (uint32_t l = before + 1; l <= label; ++l) born_ns[l].store(t, kRelaxed);
  set_birth_label(label);
}

uint64_t claimed(Table table) {
  const uint64_t n =
      segment.header().claimed[static_cast<uint32_t>(table)].load(std::memory_order_acquire);
  const uint64_t most = format::shape(table).max_records();
  return n < most ? n : most;
}

bool begin(bool asked) {
  // In this order: another thread may make it later at any time, and active time is never more than
  // time.
  const uint64_t active = active_ns.load(std::memory_order_acquire);
  const uint64_t now = sys::now_ns(CLOCK_MONOTONIC);
  if (!work->table.begin(active, claimed(Table::kSites))) return false;
  census_label.store(format::birth_label(active), kRelaxed);
  work->phase = Phase::kCounters;
  under_way.store(true, kRelaxed);
  work->asked = asked;
  work->at = 0;
  work->counters = claimed(Table::kCounters);
  work->t_ns = now - segment.header().start_monotonic_ns;
  work->cost_ns = 0;
  return true;
}

void rest() {
  work->phase = Phase::kIdle;
  under_way.store(false, kRelaxed);
}

void count_counters() {
  const uint64_t per_block = format::shape(Table::kCounters).records_per_block;
  const auto* record = segment.record<CounterRecord>(Table::kCounters, work->at);
  uint64_t end = (work->at / per_block + 1) * per_block;
  if (end > work->counters) end = work->counters;
  for (; record != nullptr && work->at < end; ++work->at, ++record) {
    work->table.add_allocated(record->site.load(std::memory_order_acquire),
                              record->alloc_count.load(kRelaxed));
  }
  work->at = end;
}

void add(const LiveBlock& block) {
  if (block.generation != generation) return;  // inherited by this process
  work->table.add_survivor(format::index(block.site), block.label, block.blocks, block.bytes);
}

// A few dozen microseconds' worth. False at the end.
bool step() {
  switch (work->phase) {
    case Phase::kIdle:
      return false;
    case Phase::kCounters:
      count_counters();
      if (work->at < work->counters) return true;
      work->phase = Phase::kHeap;
      work->scan.begin();
      return true;
    case Phase::kHeap:
      if (!work->scan.step(live_map, kPagesAStep, add)) return true;
      work->phase = Phase::kObjects;
      work->scan.begin();
      return true;
    case Phase::kObjects:
      if (!work->scan.step(object_map, kPagesAStep, add)) return true;
      work->phase = Phase::kSamples;
      work->at = 0;
      return segment.header().ever_sampled.load(kRelaxed) != 0;
    case Phase::kSamples:
      sample_table.for_each(
          [](const SampledBlock& b) {
            if (b.generation != generation) return;
            work->table.add_survivor(format::index(b.site), b.label, b.weight.blocks,
                                     b.weight.bytes);
          },
          static_cast<uint32_t>(work->at), kBucketsAStep);
      work->at += kBucketsAStep;
      return work->at < SampleTable::kBuckets;
  }
  return false;
}

void publish() {
  SegmentHeader& h = segment.header();
  const uint32_t which = h.cohort_table.load(kRelaxed) == 1 ? 2 : 1;
  const Table table = which == 1 ? Table::kCohortsA : Table::kCohortsB;
  CohortCensus& census = h.census[which - 1];
  // No one reads it any more but who began before: it looks again at cohort_table when it is done.
  uint32_t rows = 0;
  bool room = true;
  const uint32_t left_out = work->table.write([&](const CohortRecord& record) {
    room = room && segment.ensure(table, rows);
    if (!room) return;
    __builtin_memcpy(segment.record<CohortRecord>(table, rows), &record, sizeof record);
    ++rows;
  });
  if (!room) return;  // recording has ended
  h.claimed[static_cast<uint32_t>(table)].store(rows, kRelaxed);
  const uint32_t first = work->table.first_label();
  census.t_ns.store(work->t_ns, kRelaxed);
  census.active_ns.store(work->table.active_ns(), kRelaxed);
  census.cost_ns.store(work->cost_ns, kRelaxed);
  census.blocks.store(work->table.survivors(), kRelaxed);
  census.rows.store(rows, kRelaxed);
  census.left_out.store(left_out, kRelaxed);
  census.first_label.store(first, kRelaxed);
  census.censuses.store(censuses.fetch_add(1, kRelaxed) + 1, kRelaxed);
  for (uint32_t i = 0; i < format::kCohortLabels; ++i) {
    const uint32_t label = first + i;
    census.born_ns[i].store(label > format::kMostLabel ? 0 : born_ns[label].load(kRelaxed),
                            kRelaxed);
  }
  h.cohort_table.store(which, std::memory_order_release);  // acquired by the reader
}

// One slice. True when a census was published.
bool go_on(uint64_t budget_ns) {
  // CPU time: a thread that loses its processor in a slice holds nobody up but itself.
  const uint64_t begin_ns = sys::now_ns(CLOCK_THREAD_CPUTIME_ID);
  bool more = true;
  while (more && sys::now_ns(CLOCK_THREAD_CPUTIME_ID) - begin_ns < budget_ns) more = step();
  if (!more) work->table.end();
  const uint64_t took = sys::now_ns(CLOCK_THREAD_CPUTIME_ID) - begin_ns;
  work->cost_ns += took;
  next_slice_ns.store(
      sys::now_ns(CLOCK_MONOTONIC) + took * (work->asked ? kSliceShareAsked : kSliceShare),
      kRelaxed);
  if (more) return false;
  publish();
  work->met_blocks = work->table.survivors();
  work->met_bytes = work->table.survivor_bytes();
  rest();
  return true;
}

bool requested() {
  return (segment.header().request.load(kRelaxed) & static_cast<uint64_t>(Request::kCensus)) != 0;
}

bool take_up() {
  uint32_t free = 0;
  if (!busy.compare_exchange_strong(free, 1, std::memory_order_acquire)) return false;
  if (work == nullptr) work = static_cast<Work*>(own_map(sizeof(Work)));
  if (work != nullptr) return true;
  busy.store(0, std::memory_order_release);
  return false;
}

}  // namespace

void start_cohorts() { last_event_ns.store(segment.header().start_monotonic_ns, kRelaxed); }

void cohorts_if_due(uint64_t now) {
  advance(now);
  const bool due = now >= next_slice_ns.load(kRelaxed) || requested();
  const bool changed = live_map.birth_label() != census_label.load(kRelaxed) &&
                       active_ns.load(kRelaxed) >= kFirstCensusNs;
  if (__builtin_expect(!due || !(under_way.load(kRelaxed) || changed || requested()), 1)) return;
  if (!is_recording(current_mode()) || busy.load(kRelaxed) != 0) return;
  const SignalsHeld held;
  if (!take_up()) return;
  SegmentHeader& h = segment.header();
  const bool asked = requested();
  if (work->phase == Phase::kIdle && !begin(asked)) {
    next_slice_ns.store(now + 60'000'000'000, kRelaxed);  // no memory
    h.request.fetch_and(~static_cast<uint64_t>(Request::kCensus), kRelaxed);
  }
  work->asked |= asked;
  if (work->phase != Phase::kIdle && go_on(kSliceNs) && asked) {
    h.request.fetch_and(~static_cast<uint64_t>(Request::kCensus), kRelaxed);
  }
  busy.store(0, std::memory_order_release);
}

void cohorts_at_exit() {
  advance(sys::now_ns(CLOCK_MONOTONIC));
  if (active_ns.load(kRelaxed) < kFirstCensusNs) return;
  const SignalsHeld held;
  if (!take_up()) return;
  const auto fell = [](uint64_t met, const std::atomic<uint64_t>& now) {
    return now.load(kRelaxed) < met - met / 10;
  };
  // What the program frees at its end would hide what it kept. Sampled blocks stand for more than
  // themselves, so that nothing can be said of them.
  const SegmentHeader& h = segment.header();
  const bool frees = h.ever_sampled.load(kRelaxed) == 0 &&
                     (fell(work->met_blocks, h.live_count) || fell(work->met_bytes, h.live_bytes));
  uint64_t budget = active_ns.load(kRelaxed) / kExitShare;
  if (budget < kLeastExitNs) budget = kLeastExitNs;
  if (budget > kMostExitNs) budget = kMostExitNs;
  // Once more for the sites that the first one gave a row: a short run may have had no other.
  for (int i = 0; i < 2 && !frees && (i == 0 || work->table.has_new_rows()); ++i) {
    // One that is under way is finished: begun anew, it would know half of the one before.
    if (work->phase == Phase::kIdle && !begin(false)) break;
    if (!go_on(budget / 2)) break;
  }
  rest();
  busy.store(0, std::memory_order_release);
}

void reset_cohorts_after_fork() {
  if (work != nullptr) {
    work->table.reset();
    work->asked = false;
    work->met_blocks = work->met_bytes = 0;
    rest();
  }
  busy.store(0, kRelaxed);
  next_slice_ns.store(0, kRelaxed);
  census_label.store(0, kRelaxed);
  censuses.store(0, kRelaxed);
  active_ns.store(0, kRelaxed);
  last_event_ns.store(segment.header().start_monotonic_ns, kRelaxed);
  for (std::atomic<uint64_t>& born : born_ns) born.store(0, kRelaxed);
  set_birth_label(0);
}

}  // namespace mla
