// Moving the file of a recording that nobody writes any more.
#pragma once

#include <string>

#include "reader/directory.h"

namespace mla {

// True while the process that writes the recording is alive and has it mapped.
bool is_in_use(const RecordingFile& recording);

// Cuts the unused tail off, then renames; across file systems copies without the holes, flushes
// and removes the original. A failure leaves the original where it is and nothing at `to`.
// Returns an empty string, or why it failed.
std::string move_recording(const std::string& from, const std::string& to);

}  // namespace mla
