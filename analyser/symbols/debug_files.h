// Finding the files that know the names: the module itself, its separate debug file, and the
// supplementary file that dwz moved common parts to.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "reader/snapshot.h"
#include "symbols/elf_file.h"

namespace mla {

struct ModuleFiles {
  std::unique_ptr<ElfFile> supplement;  // of dwz; before its users, which must be closed first
  std::unique_ptr<ElfFile> debug;       // separate debug file; null: none, or not needed
  std::unique_ptr<ElfFile> main;        // null: gone, or another build than the recorded one
  std::string warning;                  // why names are missing; empty: nothing to say

  // The one to read DWARF from; null if neither has any.
  ElfFile* with_dwarf() const;
  bool are_whole() const;  // as ElfFile::is_whole()
};

// `directories` hold .build-id/xx/yyyy.debug trees, searched in order; /usr/lib/debug is not
// implied.
ModuleFiles open_module_files(const ModuleInfo& module,
                              const std::vector<std::string>& directories);

}  // namespace mla
