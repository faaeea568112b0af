// The verdict of a process whose suppressed call sites are not to count. Pure functions.
#pragma once

#include <vector>

#include "reader/snapshot.h"
#include "verdict/process_verdict.h"

namespace mla {

struct SuppressedGrowth {
  // Of the growth of live bytes in the history of call sites: below 0 when they shrank, 0 when
  // nothing grew.
  double growth_share = 0;
  // The process was judged by what is left without them: its verdict is not that of all its memory.
  bool judged_rest = false;
  // The suppressed sites are all of the growth there is to see.
  bool explained = false;
};

// Takes suppressed sites out of a verdict of this snapshot: from its list of sites, and, if the
// process is a leak or cannot be judged and they grew, their history from its series. That history
// has at most 32 moments; with fewer than 12 the rest cannot be judged, and is insufficient. When
// all leaks are suppressed and explain at least 95 % of the growth, and what little is left cannot
// be judged, it is stable.
// `suppressed`: one for each of Snapshot::sites.
SuppressedGrowth leave_out(const Snapshot& snapshot, const std::vector<bool>& suppressed,
                           const VerdictOptions& options, ProcessVerdict& found);

}  // namespace mla
