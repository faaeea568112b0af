// When a recorded process was at work, by the allocations it made. Pure functions.
#pragma once

#include <cstdint>

#include "reader/snapshot.h"

namespace mla {

// The part of a run that shows whether it leaks: times of the recording, in ns.
struct WorkWindow {
  uint64_t begin_ns = 0;
  uint64_t end_ns = 0;
};

// Where every block is known, or so many as samples show: all of the run, if recording was never
// off; else what came after the last time, or, while it is off, what came before the only time.
WorkWindow known_stretch(const Snapshot& snapshot);

// Left out are an idle end, in which no more than half a percent of all allocations was made, and
// what lies before an idle stretch of a fifth of the time, if the work began in earnest after it:
// where a process does nothing, nothing leaks, and start-up, pause and load look like steps.
// Of a recording that was switched off, only what lies in its known stretch counts.
WorkWindow work_window(const Snapshot& snapshot);

}  // namespace mla
