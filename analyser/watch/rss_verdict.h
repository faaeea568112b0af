// The verdict on a process of which only RSS is known.
#pragma once

#include <span>

#include "verdict/verdict.h"

namespace mla {

// RSS also rises by day and falls by night, and follows what a cache or an allocator holds. So what
// series_verdict calls a leak must also be material: growth of the active segment, as a share of
// the mean over the series.
inline constexpr double kMaterialShare = 0.02;  // less: "stable"
inline constexpr double kEarlyShare = 0.2;      // less, before a day was seen: "insufficient"
inline constexpr double kFullDayHours = 24;

// Arguments and errors are those of series_verdict.
SeriesVerdict rss_verdict(std::span<const double> t_s, std::span<const double> rss_bytes);

}  // namespace mla
