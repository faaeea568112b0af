// Processes and their parents, from /proc.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <set>
#include <vector>

namespace mla {

struct Process {
  pid_t pid = 0;
  pid_t parent = 0;
  char state = '?';          // 'Z': dead, not yet reaped
  uint64_t start_ticks = 0;  // with the pid it names one process
};

// All processes that descend from `ancestor`, without itself. `strangers`: pids that are not looked
// at, being known to belong to others, and to which those found to do so are added; a process never
// becomes a descendant of one that reaps orphans, but its pid may pass to another.
std::vector<Process> descendants(pid_t ancestor, std::set<pid_t>* strangers = nullptr);

}  // namespace mla
