// Folded stacks, one a line, as flamegraph.pl, speedscope and inferno read them.
#pragma once

#include <ostream>

#include "reader/snapshot.h"
#include "symbols/symbolizer.h"

namespace mla {

enum class FoldedValue { kLive, kAllocated, kPeak };

// Frames of Python read "function (file.py:12)". The interpreter's own C frames are left out
// unless `native` is set.
// "root;...;leaf BYTES", heap call sites only: the values add up to the heap's total. Stacks that
// read the same are added up; lines are sorted; stacks of no bytes are left out.
void write_folded(std::ostream& out, const Snapshot& snapshot, Symbolizer& symbolizer,
                  FoldedValue value, bool native = false);

}  // namespace mla
