// Processes and their parents, from /proc.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace mla {

struct Process {
  pid_t pid = 0;
  pid_t parent = 0;
  char state = '?';          // 'Z': dead, not yet reaped
  uint64_t start_ticks = 0;  // with the pid it names one process
};

// All processes that descend from `ancestor`, without itself.
std::vector<Process> descendants(pid_t ancestor);

// A small file of /proc as text; empty when it cannot be read.
std::string read_proc_file(const std::string& path);

}  // namespace mla
