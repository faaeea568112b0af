// The timeline of a recording as CSV.
#pragma once

#include <ostream>

#include "reader/snapshot.h"

namespace mla {

// A header, and a row for each point of the JSON report's timeline, with the same figures:
// t_s,unix_s,rss_bytes,... in seconds and bytes, all cells numbers. `mla analyse` reads it.
void write_timeline_csv(std::ostream& out, const Snapshot& snapshot);

}  // namespace mla
