// A benchmark as JSON, by the schema docs/schema/bench-v1.json; docs/bench.md explains it.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <ostream>

#include "comparison/compare.h"

namespace mla {

// Raised when a field changes its meaning or goes away; new fields do not raise it.
inline constexpr int kBenchSchemaVersion = 1;

nlohmann::ordered_json bench_document(const Benchmark& benchmark, const Comparison& comparison);
void write_bench_json(std::ostream& out, const Benchmark& benchmark, const Comparison& comparison);

}  // namespace mla
