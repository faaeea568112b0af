// The environment that makes a program record itself.
#pragma once

#include <string>
#include <vector>

namespace mla {

// Path of libmla.so: $MLA_LIBRARY, else beside this executable as built or as installed. Throws
// Error when there is none.
std::string find_preload_library();

// Path of an allocator's library for LD_PRELOAD; empty for ptmalloc2, which is libc itself.
// `allocator` is jemalloc, tcmalloc, mimalloc, ptmalloc2 or an absolute path. Throws Error for
// anything else and for a library that is not installed, naming its Debian package.
std::string find_allocator_library(const std::string& allocator);

// The names find_allocator_library knows, ptmalloc2 first.
std::vector<std::string> known_allocators();

struct PreloadSettings {
  std::string library;    // libmla.so; empty: nothing is preloaded or set
  std::string directory;  // where the recordings go
  std::string allocator;  // empty: what the environment says
  bool follow = true;     // children are recorded too
  // MLA_SAMPLE and MLA_BUDGET; empty: what the environment says. "exact": without either.
  std::string sample;
  std::string budget;
  std::string python;  // MLA_PYTHON; empty: what the environment says
};

// This process's environment with LD_PRELOAD and the MLA_* variables for a program to be recorded:
// libmla.so first, the allocator behind it, then what the user preloads. Throws Error.
std::vector<std::string> preload_environment(const PreloadSettings& settings);

}  // namespace mla
