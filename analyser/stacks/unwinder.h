// Native stacks from registers and memory, by the call frame information of the ELF files, with
// elfutils' libdw.
#pragma once

#include <elfutils/libdwfl.h>

#include <cstdint>
#include <string>
#include <vector>

#include "stacks/target.h"

namespace mla {

struct NativeFrame {
  uint64_t pc = 0;
  bool exact = false;  // the instruction itself, not a return address
};

struct NativeStack {
  std::vector<NativeFrame> frames;  // leaf first; at least one
  bool complete = true;             // it ends where the thread began
};

class Unwinder {
 public:
  static constexpr size_t kMostFrames = 16384;

  // Keeps references. Throws Error if libdw cannot be set up, as when no file can be read.
  Unwinder(uint32_t pid, const std::vector<LoadedModule>& modules, ProcessMemory& memory);
  ~Unwinder();
  Unwinder(const Unwinder&) = delete;
  Unwinder& operator=(const Unwinder&) = delete;

  // At most kMostFrames, the inner ones.
  NativeStack unwind(const Registers& registers);

 private:
  struct Module {
    const LoadedModule* loaded = nullptr;
    ProcessMemory* memory = nullptr;
    std::vector<char> image;  // of code of no file, the kernel's vdso
  };

  static int find_elf(Dwfl_Module*, void** user, const char*, Dwarf_Addr, char** file_name,
                      Elf** elf);
  static Dwfl_Thread_Callbacks thread_callbacks();

  ProcessMemory& memory_;
  std::vector<Module> modules_;
  Dwfl* dwfl_;
  const Registers* registers_ = nullptr;
};

}  // namespace mla
