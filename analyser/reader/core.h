// Core files, as far as a recording may lie in one: its process's memory at one moment.
#pragma once

#include <elf.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace mla {

// The program headers of an ELF core file of x86-64; empty if the file is none.
std::vector<Elf64_Phdr> core_segments(int fd);

struct CorePart {
  uint64_t offset = 0;  // in the core file
  uint64_t bytes = 0;
};

// Where the core holds a recording, of the several of a forked process the one that began last.
// Nothing if it holds none: nobody recorded, or the core leaves shared memory out.
std::optional<CorePart> find_recording_in_core(int fd, const std::vector<Elf64_Phdr>& segments);

// The path of the recording that the process had mapped, as the core names its files (NT_FILE);
// empty: none.
std::string recording_named_in_core(int fd, const std::vector<Elf64_Phdr>& segments);

}  // namespace mla
