// Whether the recorded process lives, ended by itself, was killed, or lives elsewhere (a copy).
#pragma once

#include <sys/stat.h>

#include "reader/snapshot.h"

namespace mla {

struct RecordedState {
  format::State state = format::State::kNone;
  int exit_code = -1;  // -1: not known
};

// Sets status and status_detail. `file` is the status of the recording that was read.
void judge_status(const RecordedState& recorded, const struct stat& file, Snapshot& snapshot);

}  // namespace mla
