// What grew in a recording. Pure functions of a Snapshot.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "reader/snapshot.h"

namespace mla {

struct SiteGrowth {
  uint32_t site_index = 0;   // into Snapshot::sites
  double rate_Bps = 0;       // least-squares slope of the live bytes, bytes per second
  int64_t growth_bytes = 0;  // last known live bytes - first known
  uint64_t first_ns = 0;     // of the site's first and last point
  uint64_t last_ns = 0;
  size_t points = 0;
};

// Sites with at least two points of history at different times, largest growth first. A site is
// known only while it was among the largest (SiteHistory), so the growth is a lower bound.
std::vector<SiteGrowth> site_growth(const Snapshot& snapshot);

// The time whose growth is shown where none is chosen: from a quarter of the run, so that starting
// up is left out, to the last moment that noted call sites; to the end if none did. Not the end
// where there is a moment before it: at its end a program may free all it leaked.
struct GrowthSpan {
  uint64_t from_ns = 0;
  uint64_t to_ns = 0;
};
GrowthSpan growth_span(const Snapshot& snapshot);

// By what each site grew in that time, by index into Snapshot::sites: its live bytes at its last
// point of history less those at its first one in the span, or less nothing if it was first seen in
// the span. nullopt: not known, it has too few points.
std::vector<std::optional<int64_t>> growth_after_start(const Snapshot& snapshot);

// Live bytes of heap and anonymous mappings over the run in MiB, at as many equally spaced moments
// as the timeline has points: timeline points come at uneven intervals, and the founding rule
// counts in samples. Empty for fewer than two points.
std::vector<double> live_mib_on_grid(const Snapshot& snapshot);

}  // namespace mla
