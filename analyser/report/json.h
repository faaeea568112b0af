// The report as JSON, by the schema docs/schema/report-v1.json; docs/json.md explains it.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <ostream>

#include "reader/snapshot.h"
#include "symbols/symbolizer.h"

namespace mla {

// Raised when a field changes its meaning or goes away; new fields do not raise it.
inline constexpr int kReportSchemaVersion = 1;

// Writes one JSON object and a newline: valid UTF-8 whatever the recording holds. All call sites,
// one a line, written as they are made: memory does not grow with their number.
void write_json(std::ostream& out, const Snapshot& snapshot, Symbolizer& symbolizer);

// Parts of it: the members before the timeline; the lists of threads and of modules.
nlohmann::ordered_json report_head(const Snapshot& snapshot);
nlohmann::ordered_json report_threads(const Snapshot& snapshot);
nlohmann::ordered_json report_modules(const Snapshot& snapshot);
nlohmann::ordered_json frame_json(const Frame& frame);  // an element of `stack`

}  // namespace mla
