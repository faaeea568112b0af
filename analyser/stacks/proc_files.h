// What /proc says of a process and its threads.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "stacks/target.h"

namespace mla {

// The value of a line "NAME:\tVALUE" of /proc/PID/status; empty: no such line.
std::string status_field(pid_t pid, const std::string& name);
// By tid; empty if there is no such process.
std::vector<pid_t> thread_ids(pid_t pid);
// Name, state and wait channel; registers are not set.
TargetThread describe_thread(pid_t pid, pid_t tid);
// Throws Error if mla may not read them.
std::vector<Mapping> read_mappings(pid_t pid);

}  // namespace mla
