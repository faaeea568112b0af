// What `mla run` says at the end, on standard error.
#pragma once

#include <ostream>
#include <string>

#include "reader/snapshot.h"

namespace mla {

// Some ten lines: how long, live and peak bytes, the top call sites, what is missing, and the
// command that tells more. `ended`: "exited with code 3 after 2.00 s".
void write_run_summary(std::ostream& out, const Snapshot& snapshot, const std::string& ended);

}  // namespace mla
