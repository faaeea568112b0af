// A profile in speedscope's own file format.
#pragma once

#include <ostream>

#include "report/stack_values.h"

namespace mla {

// One "sampled" profile of bytes whose weights add up to the heap's total, by
// https://www.speedscope.app/file-format-schema.json. Largest stacks first.
void write_speedscope(std::ostream& out, const Snapshot& snapshot, Symbolizer& symbolizer,
                      StackValue value, bool native);

}  // namespace mla
