// mla analyse --rule founding: the founding thresholds on memory series.
#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "series/founding.h"

namespace mla {

struct FoundingOptions {
  std::vector<std::string> files;
  std::string previous;  // a file; may be empty
  std::string unit;      // "", "bytes", "KiB", "MiB"
  bool csv = false;
  bool json = false;
  FoundingThresholds thresholds;
};

// Throws Error for what is not a series.
void analyse_by_founding_rule(std::ostream& out, const FoundingOptions& options);

}  // namespace mla
