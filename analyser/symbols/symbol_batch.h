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
// be. Called by the thread that asked for them, and no other.
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

// Symbolises addresses, sorted by module and address. The result does not depend on the number of
// threads. Each thread opens a module for itself, which libdw wants, so that few addresses are
// left to fewer threads, and in the end to the caller's.
SymbolBatch symbolise(const std::vector<ModuleInfo>& modules,
                      const std::vector<std::string>& debug_directories,
                      const std::vector<CodeAddress>& addresses, unsigned threads,
                      const SymbolProgress& progress);

}  // namespace mla
