// mla diff as a person reads it.
#pragma once

#include <ostream>

#include "report/diff.h"

namespace mla {

struct DiffTextOptions {
  size_t top_sites = 10;
  SiteOrder order = SiteOrder::kLive;
  bool all = false;          // every row that changed, those within the sampling error as well
  bool full_stacks = false;  // every frame, names uncut
  bool native = false;       // the C frames of Python's interpreter, too
  size_t width = 100;        // columns; at least 60 are used
  bool colour = false;
};

// Of moments `a` and `b` are the same.
void write_diff_text(std::ostream& out, const Diff& diff, Symbolizer& a, Symbolizer& b,
                     const DiffTextOptions& options);

}  // namespace mla
