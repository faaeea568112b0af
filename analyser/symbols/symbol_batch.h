// Many addresses at once, divided among threads.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "reader/snapshot.h"
#include "symbols/frame.h"

namespace mla {

// How many addresses have their names, of so many; total 0: it is not known how many there will
// be. May be called by several threads at once.
using SymbolProgress = std::function<void(uint64_t done, uint64_t total)>;

struct CodeAddress {
  uint32_t module = 0;  // index into Snapshot::modules, not 0
  uint64_t asked = 0;   // address in memory
  uint64_t pc = 0;      // as it was recorded
};

struct SymbolBatch {
  std::vector<std::vector<Frame>> frames;  // of each address, in their order
  std::vector<std::string> warnings;       // by module; empty: nothing to say
};

// Symbolises addresses, sorted by module and address, with at most so many threads, the caller's
// among them. The result does not depend on their number. Each opens a module for itself, as libdw
// wants it, so few addresses are left to fewer threads.
SymbolBatch symbolise(const std::vector<ModuleInfo>& modules,
                      const std::vector<std::string>& debug_directories,
                      const std::vector<CodeAddress>& addresses, unsigned threads,
                      const SymbolProgress& progress);

}  // namespace mla
