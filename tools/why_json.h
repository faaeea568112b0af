// A ledger and its diagnosis as JSON, by the schema docs/schema/why-v1.json.
#pragma once

#include <ostream>

#include "why_text.h"

namespace mla {

inline constexpr int kWhySchemaVersion = 1;

void write_why_json(std::ostream& out, const Snapshot& snapshot, Symbolizer& symbolizer,
                    const Explanation& explanation);

}  // namespace mla
