#include "capture/peak.h"

#include "segment/segment.h"
#include "segment/sys.h"

namespace mla {

namespace {

using format::CounterRecord;
using format::PeakRecord;
using format::Table;
using format::TickLock;

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr uint64_t kSmallestStep = 64 * 1024;
constexpr uint64_t kCostFactor = 50;  // 2 %

std::atomic<uint64_t> next_composition_at;  // live bytes
std::atomic<uint64_t> not_before_ns;

uint64_t claimed(Table table) {
  return segment.header().claimed[static_cast<uint32_t>(table)].load(std::memory_order_acquire);
}

// Calls f(record) for the first `count` records of a table, those of missing blocks left out.
template <class Record, class F>
void for_each(Table table, uint64_t count, F f) {
  const uint64_t per_block = format::shape(table).records_per_block;
  for (uint64_t first = 0; first < count; first += per_block) {
    Record* r = segment.record<Record>(table, first);
    const uint64_t left = count - first;
    for (Record* end = r + (left < per_block ? left : per_block); r != nullptr && r != end; ++r)
      f(*r);
  }
}

void store_composition(uint64_t live_bytes) {
  const uint64_t begin = sys::now_ns(CLOCK_MONOTONIC);
  if (begin < not_before_ns.load(kRelaxed)) return;
  format::SegmentHeader& h = segment.header();
  TickLock lock(h.tick_lock, begin);
  if (!lock.held()) return;
  Table table{};
  uint64_t sites = 0;
  if (!sum_sites(table, sites)) return;
  const uint32_t which = table == Table::kPeakA ? 0 : 1;
  h.peak[which].live_bytes.store(live_bytes, kRelaxed);
  h.peak[which].ns.store(begin - h.start_monotonic_ns, kRelaxed);
  h.peak[which].sites.store(sites, kRelaxed);
  h.peak_table.store(which + 1, std::memory_order_release);  // acquired by the reader
  const uint64_t step = live_bytes / 100 > kSmallestStep ? live_bytes / 100 : kSmallestStep;
  next_composition_at.store(live_bytes + step, kRelaxed);
  const uint64_t end = sys::now_ns(CLOCK_MONOTONIC);
  not_before_ns.store(end + (end - begin) * kCostFactor, kRelaxed);
}

}  // namespace

void note_live_bytes(uint64_t live_bytes) {
  if (static_cast<int64_t>(live_bytes) < 0) return;  // frees seen before their allocations
  format::SegmentHeader& h = segment.header();
  uint64_t peak = h.peak_live_bytes.load(kRelaxed);
  if (live_bytes <= peak) return;
  while (live_bytes > peak &&
         !h.peak_live_bytes.compare_exchange_weak(peak, live_bytes, kRelaxed)) {
  }
  h.peak_ns.store(segment.since_start_ns(), kRelaxed);
  if (live_bytes >= next_composition_at.load(kRelaxed)) store_composition(live_bytes);
}

bool sum_sites(Table& table, uint64_t& sites) {
  table = segment.header().peak_table.load(kRelaxed) == 1 ? Table::kPeakB : Table::kPeakA;
  sites = claimed(Table::kSites);
  const uint64_t most = format::shape(Table::kSites).max_records();
  if (sites > most) sites = most;
  for (uint64_t i = 0; i < sites; i += format::shape(table).records_per_block) {
    if (!segment.ensure(table, i)) return false;
  }
  for_each<PeakRecord>(table, sites, [](PeakRecord& sum) {
    sum.live_bytes.store(0, kRelaxed);
    sum.live_count.store(0, kRelaxed);
  });
  for_each<CounterRecord>(Table::kCounters, claimed(Table::kCounters), [&](CounterRecord& c) {
    const uint32_t site = c.site.load(std::memory_order_acquire);
    if (site == 0 || site >= sites) return;
    PeakRecord* sum = segment.record<PeakRecord>(table, site);
    // Signed: one thread allocates, another frees. The final sums are not below 0 but for events in
    // flight, which are cut below.
    sum->live_bytes.store(sum->live_bytes.load(kRelaxed) + c.alloc_bytes.load(kRelaxed) -
                              c.freed_bytes.load(kRelaxed),
                          kRelaxed);
    sum->live_count.store(sum->live_count.load(kRelaxed) + c.alloc_count.load(kRelaxed) -
                              c.freed_count.load(kRelaxed),
                          kRelaxed);
  });
  for_each<PeakRecord>(table, sites, [](PeakRecord& sum) {
    if (static_cast<int64_t>(sum.live_bytes.load(kRelaxed)) < 0) sum.live_bytes.store(0, kRelaxed);
    if (static_cast<int64_t>(sum.live_count.load(kRelaxed)) < 0) sum.live_count.store(0, kRelaxed);
  });
  return true;
}

void reset_peak_after_fork() {
  next_composition_at.store(0, kRelaxed);
  not_before_ns.store(0, kRelaxed);
}

}  // namespace mla
