// A benchmark as a person reads it: the judged measures with their intervals, all other medians,
// and what to do.
#pragma once

#include <ostream>

#include "comparison/compare.h"

namespace mla {

void write_bench_text(std::ostream& out, const Benchmark& benchmark, const Comparison& comparison,
                      bool colour);

}  // namespace mla
