// Addresses that hold a key: not for the command line, where every user of the host reads them.
#pragma once

#include <string>

namespace mla {

// "@FILE" is the first line of the file, without blanks at its end; what else stays as it is.
// Throws Error, naming `option`.
std::string or_first_line(const std::string& text, const std::string& option);

}  // namespace mla
