// Folded stacks, one a line, as flamegraph.pl, speedscope and inferno read them.
#pragma once

#include <ostream>

#include "report/stack_values.h"

namespace mla {

// Frames of Python read "function (file.py:12)". The interpreter's own C frames are left out
// unless `native` is set.
// "root;...;leaf BYTES": the values add up to the heap's total. Stacks that read the same are added
// up; lines are sorted; stacks of no bytes are left out.
void write_folded(std::ostream& out, const Snapshot& snapshot, Symbolizer& symbolizer,
                  StackValue value, bool native = false);

}  // namespace mla
