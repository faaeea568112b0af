// The birth labels of blocks, and the censuses that count who is left of each: format/cohorts.h.
//
// * A census is taken at each new label, when someone outside asks, and at the end of the process:
//   eight times while the run doubles in length, so it costs less and less.
// * Done at ticks, in slices of 0.2 ms that are 20 times as far apart as they are long: a hook call
//   is held up for about 0.2 ms, and all of it takes 5 % of one processor while one is under way.
// * Published whole, into the table that is not in use: a kill leaves the census before.
#pragma once

#include <cstdint>

namespace mla {

void start_cohorts();

// Call with every tick, `now`: CLOCK_MONOTONIC in ns, or its coarse twin. Also before there is a
// file.
void cohorts_if_due(uint64_t now);
// A census at the end of the process, if it takes no more than 5 % of the run (30 to 200 ms); none
// once the program has begun to free what it had.
void cohorts_at_exit();

// In a forked child: its active time begins anew, and what it inherited is in no cohort.
void reset_cohorts_after_fork();

}  // namespace mla
