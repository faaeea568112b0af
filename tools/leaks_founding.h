// mla leaks --rule founding: the founding thresholds on the live bytes of a recording.
#pragma once

#include <ostream>

#include "series/founding.h"
#include "symbols/symbolizer.h"

namespace mla {

// The exit code.
int leaks_by_founding_rule(std::ostream& out, const Snapshot& snapshot, Symbolizer& symbolizer,
                           const FoundingThresholds& thresholds, bool json);

}  // namespace mla
