// A process whose stacks are wanted, as it was at one moment: read from /proc or from a core file.
#pragma once

#include <sys/user.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "reader/snapshot.h"
#include "stacks/memory.h"

namespace mla {

struct Registers {
  static constexpr uint32_t kDwarfCount = 17;  // rax to r15 and rip, numbered as DWARF does
  std::array<uint64_t, kDwarfCount> dwarf{};
  uint64_t thread_pointer = 0;  // what pthread_self() returns
  // The system call the thread was in when it was stopped; below 0: in none, it was running.
  int64_t system_call = -1;
  std::array<uint64_t, 6> arguments{};  // of the system call

  uint64_t stack_pointer() const { return dwarf[7]; }
  uint64_t program_counter() const { return dwarf[16]; }
};

Registers registers_of(const user_regs_struct& user);
// A call that waits for a time and was interrupted before is made again as restart_syscall: says
// which one it is, from the instructions that made it.
void name_restarted_call(Registers& registers, ProcessMemory& memory);

// A thread as it was found.
struct TargetThread {
  uint32_t tid = 0;
  std::string name;                    // comm; empty: not known
  char state = '?';                    // of /proc/PID/task/TID/stat just before it was stopped
  std::string wait_channel;            // function of the kernel it slept in; empty: not known
  std::optional<Registers> registers;  // nothing: it could not be stopped
};

// A mapping of the address space, in order of address.
struct Mapping {
  uint64_t start = 0;
  uint64_t end = 0;
  uint64_t offset = 0;  // in the file
  std::string path;     // empty: anonymous; "[stack]" and the like are no files
  std::string file;     // where to read it instead; empty: at `path`
};

// A mapped ELF file.
struct LoadedModule {
  struct Range {
    uint64_t start = 0;
    uint64_t end = 0;
  };
  ModuleInfo info;
  std::vector<Range> data;  // its writable parts, zero-initialised ones too
};

// The ELF files among the mappings, by address.
std::vector<LoadedModule> find_modules(const std::vector<Mapping>& mappings, ProcessMemory& memory);

}  // namespace mla
