// Appending to the two fixed rings of a segment so that they always cover the whole run.
//
// Both rings hold points at multiples of an interval. When no slot is free the interval doubles and
// every point in an odd cell of the old grid is emptied: the ring then holds every other point of
// the whole run. Slots are in no order, so nothing is ever moved: a kill leaves at worst one point
// missing. Writers: the thread of the process that crossed the interval, or `mla run` from
// outside; TickLock keeps them apart.
#pragma once

#include <atomic>
#include <cstdint>

#include "format/records.h"

namespace mla::format {

// Not a mutex: a failed attempt skips the tick. A holder that was killed or stopped loses the lock
// after kStaleNs, so a dead `mla run` cannot silence a process, nor the other way round.
class TickLock {
 public:
  static constexpr uint64_t kStaleNs = 2'000'000'000;
  // now_ns: CLOCK_MONOTONIC, nonzero.
  TickLock(std::atomic<uint64_t>& word, uint64_t now_ns) : word_(word), mine_(now_ns) {
    uint64_t seen = word.load(std::memory_order_relaxed);
    held_ = (seen == 0 || (now_ns > seen && now_ns - seen > kStaleNs)) &&
            word.compare_exchange_strong(seen, mine_, std::memory_order_acquire);
  }
  ~TickLock() {
    uint64_t mine = mine_;
    if (held_) word_.compare_exchange_strong(mine, 0, std::memory_order_release);
  }
  TickLock(const TickLock&) = delete;
  TickLock& operator=(const TickLock&) = delete;
  bool held() const { return held_; }

 private:
  std::atomic<uint64_t>& word_;
  uint64_t mine_;
  bool held_;
};

// Finds a slot for a point at t_ns, emptying every other one when there is none. The slot's t_ns is
// 0 on return; the caller fills the record and stores t_ns last, with release (acquired by the
// reader). `Slot` has an atomic t_ns. Call with the TickLock held.
template <class Slot>
Slot& claim_slot(Slot* slots, uint32_t count, std::atomic<uint64_t>& interval_ns) {
  for (;;) {
    for (uint32_t i = 0; i < count; ++i) {
      if (slots[i].t_ns.load(std::memory_order_relaxed) == 0) return slots[i];
    }
    const uint64_t seen = interval_ns.load(std::memory_order_relaxed);
    const uint64_t old = seen == 0 ? 1 : seen;
    uint32_t emptied = 0;
    for (uint32_t i = 0; i < count; ++i) {
      if ((slots[i].t_ns.load(std::memory_order_relaxed) / old) & 1) {
        slots[i].t_ns.store(0, std::memory_order_relaxed);
        ++emptied;
      }
    }
    interval_ns.store(old * 2, std::memory_order_relaxed);
    // All points in even cells (a long pause, say): the next doubling will find odd ones, unless
    // the file was damaged; then make room in any case.
    if (emptied == 0 && old > (1ULL << 62)) slots[0].t_ns.store(0, std::memory_order_relaxed);
  }
}

inline void append(TimelineRecord* slots, std::atomic<uint64_t>& interval_ns, uint64_t t_ns,
                   uint64_t rss_bytes, uint64_t anon_bytes, uint64_t live_bytes,
                   uint64_t live_count, uint64_t alloc_count, uint64_t alloc_bytes,
                   uint64_t mapped_bytes) {
  TimelineRecord& slot = claim_slot(slots, kTimelineSlots, interval_ns);
  slot.rss_bytes.store(rss_bytes, std::memory_order_relaxed);
  slot.anon_bytes.store(anon_bytes, std::memory_order_relaxed);
  slot.live_bytes.store(live_bytes, std::memory_order_relaxed);
  slot.live_count.store(live_count, std::memory_order_relaxed);
  slot.alloc_count.store(alloc_count, std::memory_order_relaxed);
  slot.alloc_bytes.store(alloc_bytes, std::memory_order_relaxed);
  slot.mapped_bytes.store(mapped_bytes, std::memory_order_relaxed);
  slot.t_ns.store(t_ns | (t_ns == 0), std::memory_order_release);  // acquired by the reader
}

}  // namespace mla::format
