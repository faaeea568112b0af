// What `mla stacks` prints.
#pragma once

#include <ostream>

#include "stacks/stacks.h"
#include "symbols/symbolizer.h"

namespace mla {

struct StacksTextOptions {
  bool all = false;     // threads with the same stack each on their own, too
  bool native = false;  // the C frames of Python's interpreter, too
  bool colour = false;
  size_t width = 100;
};

void write_stacks_text(std::ostream& out, const ProcessStacks& stacks, Symbolizer& symbolizer,
                       const StacksTextOptions& options);

}  // namespace mla
