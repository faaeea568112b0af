// Whether what is alive has been growing, seen against the work done.
//
// Live bytes over bytes ever allocated: an idle process stands still on that axis, however long it
// idles. The first quarter of the work is left out as start-up; of each of six equal parts of the
// rest the lowest figure counts, of the last one also what is alive now, so that what a request
// takes and gives back is no growth. Mappings are left out in a Python process: they are its
// arenas, which grow with the requests under way and hardly ever shrink.
#pragma once

#include <cstdint>

#include "reader/snapshot.h"

namespace mla {

struct LiveGrowth {
  bool growing = false;
  uint64_t bytes = 0;    // from the first part's low to the last part's
  uint64_t from_ns = 0;  // of these two lows
  uint64_t to_ns = 0;
};

// Growing: by at least 2 MiB and a tenth of what is alive (heap and mappings), in the whole and
// with no fall of more than a quarter of it in between.
LiveGrowth growth_of_live(const Snapshot& snapshot);

}  // namespace mla
