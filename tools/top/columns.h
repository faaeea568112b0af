// Text in columns.
#pragma once

#include <cstddef>
#include <string>

namespace mla {

// Exactly `width` columns: filled up with spaces, or cut.
std::string to_left(const std::string& text, size_t width);
std::string to_right(const std::string& text, size_t width);

// A command line in which paths that begin with '/' are base names.
std::string without_directories(const std::string& command);

// "+1.2 MiB", "-512 B", "0 B".
std::string signed_bytes(double bytes);

}  // namespace mla
