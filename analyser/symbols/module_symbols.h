// One ELF file of a recording and what its debug information says: everything that is open for it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "reader/snapshot.h"
#include "symbols/debug_files.h"
#include "symbols/dwarf_index.h"
#include "symbols/symbol_table.h"

namespace mla {

// To be used by one thread at a time: libdw reads lazily and keeps what it read in its handle.
// Several objects of one module are independent of each other.
class ModuleSymbols {
 public:
  // `table`: of another object of the same module, to spare reading it again; null: read it.
  ModuleSymbols(const ModuleInfo& info, const std::vector<std::string>& directories,
                std::shared_ptr<const SymbolTable> table = nullptr);

  // The frames of the code at `asked`, an address in memory, as Symbolizer::frames_of gives them.
  // `pc` is the address as it was recorded.
  std::vector<Frame> frames_of(uint64_t asked, uint64_t pc);

  // Never changes: may be read by several threads.
  const std::shared_ptr<const SymbolTable>& table() const { return table_; }
  // Why names are missing; empty: nothing to say.
  const std::string& warning() const { return files_.warning; }

 private:
  ModuleInfo info_;  // its own: a later snapshot may take the object over
  ModuleFiles files_;
  std::shared_ptr<const SymbolTable> table_;
  std::optional<DwarfIndex> dwarf_;
};

}  // namespace mla
