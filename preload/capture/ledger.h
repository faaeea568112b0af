// Where the resident memory is, now and then: walks, the allocator's own figures, and trims.
//
// * Done at ticks, in slices of 0.3 ms that are 20 times as far apart as they are long; after a
//   walk nothing for 200 times its cost (40 times, when what is alive has changed by a quarter). So
//   one hook call is held up for about 0.3 ms, and all of it takes 0.5 % of one processor, under
//   violent change 2.5 %.
// * Exception: the first slice reads /proc/self/maps whole, about 1 us for each mapping.
#pragma once

#include <cstdint>

namespace mla {

struct Settings;

void start_ledger(const Settings& settings);

// Call with every tick, `now`: CLOCK_MONOTONIC in ns.
void ledger_if_due(uint64_t now);
// A walk at the end of the process, if it takes no more than 10 ms.
void ledger_at_exit();

void reset_ledger_after_fork();

}  // namespace mla
