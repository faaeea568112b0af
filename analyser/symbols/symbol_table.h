// The functions an ELF symbol table names, by address.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "symbols/elf_file.h"

namespace mla {

class SymbolTable {
 public:
  SymbolTable() = default;
  // Reads .symtab, or .dynsym where there is none.
  explicit SymbolTable(const ElfFile& file);

  bool empty() const { return symbols_.empty(); }

  // The mangled name of the function covering the address (of the ELF file); empty: none.
  // Of several names of one function always the same one, global ones first.
  const std::string& name_at(uint64_t address) const;

 private:
  struct Symbol {
    uint64_t begin;
    uint64_t end;
    int rank;  // smaller is the better name
    std::string name;
  };
  void add_section(const ElfFile& file, Elf_Scn* section, uint64_t link, uint64_t entries);
  void sort_and_pick();

  std::vector<Symbol> symbols_;  // by begin, one for each
};

// The values (addresses in the ELF file) of functions and variables by their names, of .dynsym and
// .symtab, local ones too. Those that are not defined there are left out.
std::map<std::string, uint64_t> symbol_addresses(const ElfFile& file,
                                                 const std::vector<std::string>& names);

}  // namespace mla
