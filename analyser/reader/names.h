// The words reports use for what the format stores as numbers: text and JSON say the same.
#pragma once

#include <string>

#include "reader/snapshot.h"

namespace mla {

// "alive", "exited", "killed".
std::string status_name(ProcessStatus status);

// A stable identifier, as in JSON: "reentrant", "live_map_full". "unknown_N" for a number of a
// later format.
std::string loss_name(format::Loss loss);
// What it means for the figures, for a person: continues "N ...".
std::string loss_sentence(format::Loss loss);
// True if the events of this kind are in none of the totals.
bool is_lost_event(format::Loss loss);

// "exact", "sampled", "off".
std::string sampling_name(SamplingMode mode);

// A stable identifier, as in JSON: "no_space". Empty for kNone.
std::string stop_name(format::StopReason reason);
// Why recording stopped, as a clause: "the file system of the recording is full (No space left)".
std::string stop_sentence(format::StopReason reason, int error_number);

// "frames missing: ..." for a mark in place of a program counter.
std::string mark_name(uint64_t mark);

}  // namespace mla
