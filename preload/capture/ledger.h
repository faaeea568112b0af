// Where the resident memory is, now and then: walks, the allocator's own figures, and trims.
//
// * Done at ticks, in slices of kSliceNs that are kSliceShare times as far apart as they are long;
//   after a walk nothing for kWalkShare times its cost. So one hook call is held up for about
//   kSliceNs at most, and all of it takes about 0.5 % of one processor.
// * Exception: the first slice reads /proc/self/maps whole, about 1 us for each mapping.
#pragma once

#include <cstdint>

namespace mla {

struct Settings;

void start_ledger(const Settings& settings);

// Call with every tick, `now`: CLOCK_MONOTONIC in ns.
void ledger_if_due(uint64_t now);
// Someone outside asks for something that the next tick has to do.
bool ledger_requested();
// A walk at the end of the process, if it takes no more than 10 ms.
void ledger_at_exit();

void reset_ledger_after_fork();

}  // namespace mla
