// The settings an expert would try, for each allocator.
#pragma once

#include <string>
#include <vector>

namespace mla {

struct AllocatorSetting {
  std::string name;      // short, for a table
  std::string variable;  // "MALLOC_ARENA_MAX=1"
};

// `library`: the path of the allocator's library, which tells mimalloc's version apart; empty for
// ptmalloc2. Nothing for an unknown allocator.
std::vector<AllocatorSetting> settings_matrix(const std::string& allocator,
                                              const std::string& library);

}  // namespace mla
