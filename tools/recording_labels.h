// What names a recorded process in other tools.
#pragma once

#include <map>
#include <string>

#include "reader/snapshot.h"

namespace mla {

// "service", as mla watch names it, "host", and "build": the first 12 digits of the program's
// build-id, if it is known.
std::map<std::string, std::string> recording_labels(const Snapshot& snapshot);

}  // namespace mla
