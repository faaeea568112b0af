// The report a person reads.
#pragma once

#include <cstddef>
#include <ostream>

#include "report/groups.h"
#include "report/site_order.h"
#include "symbols/symbolizer.h"

namespace mla {

struct TextOptions {
  size_t top_sites = 10;
  SiteOrder order = SiteOrder::kLive;
  Grouping by = Grouping::kSite;  // else call sites are added up, and no stacks are shown
  bool colour = false;            // ANSI escapes
  bool full_stacks = false;       // every frame, names uncut
  size_t frames = 12;             // shown of a stack otherwise, allocation plumbing not counted
  bool native = false;            // the C frames of Python's interpreter, too
  size_t width = 100;             // columns; at least 40 are used
};

void write_text(std::ostream& out, const Snapshot& snapshot, Symbolizer& symbolizer,
                const TextOptions& options);

}  // namespace mla
