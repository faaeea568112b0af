// Call sites added up by what their code has in common.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "report/site_order.h"
#include "symbols/symbolizer.h"

namespace mla {

enum class Grouping { kSite, kLine, kFunction, kFile, kModule };

struct SiteGroup {
  std::string name;    // of the line and the function: the function; else the file or module
  std::string source;  // "file:12", "file"; may be empty
  uint64_t value = 0;  // by the order asked for, see site_value()
  uint64_t live_count = 0;
  uint64_t sites = 0;
};

// The frame a call site is put down to: the innermost line of Python, else the innermost frame that
// is not the allocator's. nullptr: no stack.
const Frame* responsible_frame(const SiteStack& stack);

// What a frame belongs to: the package of a Python file, else the ELF file, by its base name.
std::string module_of(const Frame& frame);

// Largest first, without those of value 0; heap sites only.
std::vector<SiteGroup> group_sites(const Snapshot& snapshot, Symbolizer& symbolizer,
                                   SiteOrder order, Grouping by);

}  // namespace mla
