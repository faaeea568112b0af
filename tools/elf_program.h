// What an ELF file asks of the dynamic linker, and what it defines.
#pragma once

#include <set>
#include <string>
#include <vector>

namespace mla {

struct ElfProgram {
  bool is_elf = false;
  bool is_64_bit = false;
  // The rest is empty for another class and for what cannot be read.
  std::string interpreter;             // the dynamic linker; empty: statically linked
  std::vector<std::string> libraries;  // DT_NEEDED, in order
  std::set<std::string> sections;
  std::set<std::string> needed;   // dynamic symbols of other files
  std::set<std::string> defined;  // dynamic symbols of its own
  bool defines_malloc = false;    // in any of its symbol tables
};

ElfProgram read_elf_program(const std::string& path);

}  // namespace mla
