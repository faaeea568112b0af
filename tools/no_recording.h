// Why a program that was run under `mla run` left no recording.
#pragma once

#include <string>

namespace mla {

// The reason, as far as the program's file tells it: statically linked, set-user-id, of another
// architecture, built with a sanitizer, or with its own malloc. `program` is looked up in PATH as
// execvp does; of a script its interpreter counts.
std::string why_not_recorded(const std::string& program);

}  // namespace mla
