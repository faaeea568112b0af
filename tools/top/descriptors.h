// Threads, open descriptors and TCP sockets of processes, as the kernel tells.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <set>

namespace mla {

struct ProcessCounts {
  std::optional<uint64_t> threads;
  std::optional<uint64_t> descriptors;  // nothing where they may not be looked at
  std::optional<uint64_t> tcp;          // descriptors that are TCP sockets, in whatever state
};

// One look at several processes: the sockets of a network namespace are read once.
class CountReader {
 public:
  ProcessCounts read(pid_t pid);

 private:
  const std::set<uint64_t>& tcp_inodes(pid_t pid);

  std::map<uint64_t, std::set<uint64_t>> by_namespace_;
};

}  // namespace mla
