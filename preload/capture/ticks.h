// The process over time: a point now and then, taken by whichever thread comes by.
#pragma once

#include <atomic>
#include <cstdint>

#include "segment/segment.h"

namespace mla {

// Takes up what is asked of Python. nullptr: there is none.
extern std::atomic<void (*)()> request_taker;

// Someone outside asks for something that the next tick has to do.
inline bool something_requested() {
  return segment.header().request.load(std::memory_order_relaxed) != 0;
}

// Call every few dozen events. Takes a point of the timeline, and less often one of the largest
// sites, when their interval has passed; else costs next to nothing.
// `now_ns`: of CLOCK_MONOTONIC, or its coarse twin.
void tick_if_due(uint64_t now_ns);

// Takes a point of the timeline now: at the end of the process.
void tick_at_exit();

void reset_ticks_after_fork();

}  // namespace mla
