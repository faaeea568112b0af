// mla leaks --suppressions: which call sites the patterns of the files stand for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "symbols/symbolizer.h"
#include "verdict/suppressed.h"
#include "verdict/suppressions.h"

namespace mla {

struct UsedSuppression {
  Suppression suppression;
  size_t sites = 0;  // with live bytes; each counts for the first pattern it matches
  uint64_t live_bytes = 0;
};

struct Suppressed {
  std::vector<UsedSuppression> patterns;               // of all files, in their order
  std::vector<std::optional<size_t>> pattern_of_site;  // index into `patterns`
  SuppressedGrowth growth;
};

// Throws Error for a file that cannot be read or a line that is none.
Suppressed find_suppressed(const Snapshot& snapshot, Symbolizer& symbolizer,
                           const std::vector<std::string>& files);

// Takes them out of the verdict and fills in `growth`.
void leave_out(const Snapshot& snapshot, const VerdictOptions& options, Suppressed& suppressed,
               ProcessVerdict& verdict);

// Nothing when there are no patterns; else what they suppressed, and those that matched nothing.
void print_suppressed(std::ostream& out, const Suppressed& suppressed);

}  // namespace mla
