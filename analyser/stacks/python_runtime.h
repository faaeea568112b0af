// CPython in another process: its thread states and their frames, read from outside.
//
// Nothing is taken on trust: a type that is not where the layout of the version says, a chain that
// leads nowhere, or a code object that is none ends what is read there.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "format/python_layout.h"
#include "reader/snapshot.h"
#include "stacks/target.h"

namespace mla {

struct PythonPosition {
  uint32_t code = 0;    // index into PythonStacks::codes; 0: not readable
  uint64_t offset = 0;  // of the instruction, in bytes
  bool entry = false;   // outermost of a group, see StackNode
  bool empty_group = false;
};

// Of one thread of the process; with subinterpreters all its thread states, the latest first.
struct PythonThread {
  uint64_t thread_pointer = 0;         // pthread_self() of the thread
  std::vector<PythonPosition> frames;  // innermost first
  bool complete = true;                // they were read to their end
  bool holds_gil = false;
};

struct PythonStacks {
  std::vector<PythonThread> threads;
  std::vector<PythonCode> codes{PythonCode()};
  struct Range {
    uint64_t start = 0;
    uint64_t end = 0;
  };
  std::vector<Range> gils;  // where they are: who waits for one sleeps on an address in it

  const PythonThread* find(uint64_t thread_pointer) const;
};

class PythonRuntime {
 public:
  // Nothing if there is no CPython in the process.
  static std::optional<PythonRuntime> find(const std::vector<LoadedModule>& modules,
                                           ProcessMemory& memory);

  const std::string& version() const { return version_; }  // "3.11.2"
  // Why its stacks cannot be read; empty: they can.
  const std::string& problem() const { return problem_; }

  // All thread states of all interpreters.
  PythonStacks read(ProcessMemory& memory) const;

 private:
  void settle(const LoadedModule& module, ProcessMemory& memory);
  bool read_version(const LoadedModule& module, ProcessMemory& memory);
  bool read_threads_layout(ProcessMemory& memory);
  uint64_t address_of(const std::string& symbol) const;  // 0: there is none

  std::map<std::string, uint64_t> symbols_;  // addresses in memory
  std::string version_;
  std::string problem_;
  const format::PythonLayout* layout_ = nullptr;
  // As format::PythonThreadsLayout, of which published ones need not fit 16 bits.
  struct ThreadsLayout {
    uint64_t first_interpreter = 0;
    uint64_t next_interpreter = 0;
    uint64_t first_thread = 0;
    uint64_t next_thread = 0;
    uint64_t gil = 0;
  } threads_;
};

}  // namespace mla
