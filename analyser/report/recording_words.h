// What a recording says of itself: whether and how it goes on, and when it did not.
#pragma once

#include <string>

#include "reader/snapshot.h"

namespace mla {

// "recording was off from 3.10 s to 24.0 s: blocks allocated then are in no figure"; empty if it
// never was.
std::string off_sentence(const SamplingInfo& sampling);

// "recording stopped after 3.63 s: the file system of the recording is full"; empty if it did not.
std::string stopped_sentence(const Snapshot& snapshot);

}  // namespace mla
