// A whole file that may go away, or be another's, while it is read: of /proc, of another process.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace mla {

// The first `most` bytes of a regular file; empty if there is no such file, if it is no regular
// one (a FIFO would keep mla waiting), or if it cannot be read to its end: a file of /proc fails
// with ESRCH once its process is gone, for which streams throw. Never throws but for memory.
std::string read_regular_file(const std::string& path, size_t most = SIZE_MAX);

}  // namespace mla
