// The stacks of all threads of a process, live or from a core file, ready to be named.
#pragma once

#include <sys/types.h>

#include <set>
#include <string>
#include <vector>

#include "reader/snapshot.h"
#include "stacks/thread_state.h"

namespace mla {

struct ThreadStack {
  uint32_t tid = 0;
  std::string name;  // empty: a core does not tell
  ThreadState state;
  std::string wait_channel;  // function of the kernel it slept in; empty: not known
  bool holds_gil = false;
  Site stack;  // native and python: leaves among the snapshot's nodes, as Symbolizer takes it
};

struct ProcessStacks {
  // What Symbolizer needs: modules, nodes, Python code. No sites, no figures.
  Snapshot snapshot;
  std::vector<ThreadStack> threads;  // by tid
  std::string core;                  // path of the core file; empty: of the living process
  int signal = 0;                    // that ended the process of the core; 0: none did
  double stopped_s = 0;              // how long the living process stood still
  // What is missing and why, one line each.
  std::vector<std::string> notes;
};

// `tids`: of these threads only; empty: of all. Both throw Error.
ProcessStacks read_stacks(pid_t pid, const std::set<uint32_t>& tids);
ProcessStacks read_core_stacks(const std::string& core, const std::string& executable,
                               const std::set<uint32_t>& tids);

}  // namespace mla
