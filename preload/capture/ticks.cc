#include "capture/ticks.h"

#include "capture/arenas.h"
#include "capture/census.h"
#include "capture/ledger.h"
#include "capture/live_map.h"
#include "capture/module_unload.h"
#include "capture/peak.h"
#include "capture/python_stack.h"
#include "capture/sampler.h"
#include "capture/shard.h"
#include "segment/own_memory.h"
#include "segment/segment.h"
#include "segment/segment_file.h"
#include "segment/sys.h"

namespace mla {

constinit std::atomic<void (*)()> request_taker{nullptr};

namespace {

using format::HistoryColumn;
using format::HistoryRow;
using format::PeakRecord;
using format::SegmentHeader;
using format::Table;

constexpr auto kRelaxed = std::memory_order_relaxed;

std::atomic<uint64_t> next_point_ns;
std::atomic<uint64_t> next_history_ns;
std::atomic<uint64_t> shard_bytes;  // resident, at the last history tick

uint64_t not_negative(uint64_t value) { return static_cast<int64_t>(value) < 0 ? 0 : value; }

void add_point(SegmentHeader& h, uint64_t t_ns) {
  const ResidentMemory memory = read_resident_memory();
  format::append(segment.timeline(), h.timeline_interval_ns, t_ns, memory.rss, memory.anonymous,
                 not_negative(h.live_bytes.load(kRelaxed)),
                 not_negative(h.live_count.load(kRelaxed)), h.alloc_count.load(kRelaxed),
                 h.alloc_bytes.load(kRelaxed), h.mapped_bytes.load(kRelaxed));
}

// Rows as a heap with the smallest on top, so that the largest stay.
void sift_down(HistoryRow* row, uint32_t count, uint32_t i, uint32_t site, uint64_t bytes,
               uint32_t live_count) {
  for (;;) {
    uint32_t child = 2 * i + 1;
    if (child >= count) break;
    if (child + 1 < count &&
        row[child + 1].live_bytes.load(kRelaxed) < row[child].live_bytes.load(kRelaxed)) {
      ++child;
    }
    if (row[child].live_bytes.load(kRelaxed) >= bytes) break;
    row[i].site.store(row[child].site.load(kRelaxed), kRelaxed);
    row[i].live_count.store(row[child].live_count.load(kRelaxed), kRelaxed);
    row[i].live_bytes.store(row[child].live_bytes.load(kRelaxed), kRelaxed);
    i = child;
  }
  row[i].site.store(site, kRelaxed);
  row[i].live_count.store(live_count, kRelaxed);
  row[i].live_bytes.store(bytes, kRelaxed);
}

void add_history(SegmentHeader& h, uint64_t t_ns) {
  Table table{};
  uint64_t sites = 0;
  if (!sum_sites(table, sites)) return;
  HistoryColumn& column =
      format::claim_slot(segment.history(), format::kHistoryColumns, h.history_interval_ns);
  for (HistoryRow& row : column.row) {
    row.site.store(0, kRelaxed);
    row.live_count.store(0, kRelaxed);
    row.live_bytes.store(0, kRelaxed);
  }
  for (uint64_t i = 1; i < sites; ++i) {
    const PeakRecord* sum = segment.record<PeakRecord>(table, i);
    const uint64_t bytes = sum->live_bytes.load(kRelaxed);
    if (bytes <= column.row[0].live_bytes.load(kRelaxed)) continue;
    const uint64_t count = sum->live_count.load(kRelaxed);
    sift_down(column.row, format::kHistoryRows, 0, static_cast<uint32_t>(i), bytes,
              count > 0xffffffff ? 0xffffffff : static_cast<uint32_t>(count));
  }
  column.rows.store(format::kHistoryRows, kRelaxed);
  column.t_ns.store(t_ns | (t_ns == 0), std::memory_order_release);  // acquired by the reader
}

void tick(uint64_t now, bool with_history) {
  SegmentHeader& h = segment.header();
  const format::TickLock lock(h.tick_lock, now);
  if (!lock.held()) return;
  const uint64_t t = now - h.start_monotonic_ns;
  add_point(h, t);
  h.arena_bytes.store(arena_bytes(), kRelaxed);
  next_point_ns.store(now + h.timeline_interval_ns.load(kRelaxed), kRelaxed);
  h.own_private_bytes.store(own_private_bytes.load(kRelaxed) + shard_bytes.load(kRelaxed),
                            kRelaxed);
  if (!with_history && now < next_history_ns.load(kRelaxed)) return;
  add_history(h, t);
  next_history_ns.store(now + h.history_interval_ns.load(kRelaxed), kRelaxed);
  shard_bytes.store(resident_shard_bytes(), kRelaxed);
  h.own_live_map_bytes.store(live_map.resident_bytes() + object_map.resident_bytes(), kRelaxed);
  drop_unloaded_modules();
}

}  // namespace

void tick_if_due(uint64_t now_ns) {
  adjust_sampling(now_ns);
  if (now_ns >= next_point_ns.load(kRelaxed)) tick(sys::now_ns(CLOCK_MONOTONIC), false);
  if (const PythonReader* python = python_reader.load(std::memory_order_acquire)) {
    python->at_tick();
  }
  if (__builtin_expect(something_requested(), 0)) {
    void (*const take_up)() = request_taker.load(std::memory_order_acquire);
    if (take_up != nullptr) take_up();
  }
  ledger_if_due(now_ns);
  cohorts_if_due(now_ns);
}

void tick_at_exit() {
  tick(sys::now_ns(CLOCK_MONOTONIC), true);
  ledger_at_exit();
  cohorts_at_exit();
}

void reset_ticks_after_fork() {
  next_point_ns.store(0, kRelaxed);
  next_history_ns.store(0, kRelaxed);
  reset_ledger_after_fork();
  reset_cohorts_after_fork();
}

}  // namespace mla
