// What a program defines for, and asks of, the dynamic linker.
#pragma once

#include <set>
#include <string>

namespace mla {

struct DynamicSymbols {
  std::set<std::string> defined;
  std::set<std::string> needed;
};

// Of a 64-bit ELF file; empty when there is no such table or it cannot be read.
DynamicSymbols read_dynamic_symbols(const std::string& path);

}  // namespace mla
