// The difference as JSON, by the schema docs/schema/diff-v1.json; docs/diff.md explains it.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <ostream>

#include "report/diff.h"

namespace mla {

inline constexpr int kDiffSchemaVersion = 1;

// Writes one JSON object and a newline; all call sites, those that did not change as well.
// Of moments `a` and `b` are the same.
void write_diff_json(std::ostream& out, const Diff& diff, Symbolizer& a, Symbolizer& b);

// The members before the call sites.
nlohmann::ordered_json diff_head(const Diff& diff);

}  // namespace mla
