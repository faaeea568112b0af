// Parsing of the whole command line, and the errors of usage.
#pragma once

#include <string>
#include <vector>

namespace mla {

// Runs `mla ARGUMENTS...` and returns the exit code. Throws Error.
int run_command_line(const std::vector<std::string>& arguments);

}  // namespace mla
