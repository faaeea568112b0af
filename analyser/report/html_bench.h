// What the HTML page of a benchmark shows; tools/web/src/bench_page.ts is the reader.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "comparison/compare.h"

namespace mla {

// The members of `mla bench --json` (docs/bench.md), and in each configuration `memory_runs`: by
// round the columns t_s and bytes, or null.
nlohmann::ordered_json html_bench(const Benchmark& benchmark, const Comparison& comparison);

}  // namespace mla
