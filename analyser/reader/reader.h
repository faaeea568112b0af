// Reading a recording: the only way from a segment file to a Snapshot.
#pragma once

#include <string>

#include "reader/snapshot.h"

namespace mla {

// Reads the recording at `path`, of a running or a dead process. The file is trusted in nothing:
// whatever does not fit is left out and said in Snapshot::damage.
// Throws Error if it is not a recording of this format version, or cut short.
Snapshot read_snapshot(const std::string& path);

}  // namespace mla
