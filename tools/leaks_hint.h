// What to do next when a verdict is of memory that was not recorded, or not one by one.
#pragma once

#include <string>

#include "verdict/process_verdict.h"

namespace mla {

// Of a living process whose recording stopped: to restart it; whose recording is off: how to switch
// it on. Of a CPython recorded with frames alone, whose small objects show only as the arenas they
// are in: how to see them, if the arenas grew while it was at work and the verdict is leak,
// retention or open. Else empty.
std::string next_step(const Snapshot& snapshot, const ProcessVerdict& verdict);

}  // namespace mla
