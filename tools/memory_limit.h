// How much memory a process may have.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "reader/snapshot.h"

namespace mla {

struct MemoryLimit {
  uint64_t bytes = 0;
  std::string of;  // "cgroup", "machine", "--limit"
};

// Of a living process: the least memory.max of its cgroup (version 2) and those above, else
// MemTotal. Nothing of one that has ended: it may have run anywhere.
std::optional<MemoryLimit> memory_limit(const Snapshot& snapshot);

}  // namespace mla
