// The leak verdict: what a memory series says about a leak, how sure, and how slow a leak it could
// have missed. Pure functions; docs/verdict.md describes the method and its measured error rates.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "verdict/models.h"

namespace mla {

enum class VerdictClass {
  kLeak,          // grows, and still does
  kBounded,       // grew and levelled off: a warm-up, a cache that filled
  kStep,          // changed its level once or a few times, flat between
  kRetention,     // RSS grew while live bytes did not
  kStable,        // no growth above the detectable rate
  kGrowing,       // of a call site: its blocks stay, but ever fewer are added
  kInsufficient,  // cannot be said yet
};

const char* verdict_name(VerdictClass verdict);    // "leak", ...
const char* model_name(GrowthModel model);         // "linear", "flat then linear", ...
inline constexpr double kSecondsPerHour = 3600.0;  // rates below are in bytes per hour

struct Rate {  // bytes per hour
  double value = 0;
  double low = 0;  // 95 % interval
  double high = 0;
};

struct SeriesVerdict {
  VerdictClass verdict = VerdictClass::kInsufficient;
  double probability = 0.5;  // that this is a leak; calibrated on generated series, docs/verdict.md
  // Of the active segment for a leak, of the last third of a bounded series, else of the whole.
  Rate rate;
  // Of the strongest test of growth, one-sided: so often noise alone grows as much. 1: no growth.
  double p_value = 1;
  // The slowest leak a test of level 1 % finds with 90 % power over the whole series, bytes per
  // hour: (t.99 + t.9) sigma sqrt(12 / n_eff) / duration. Infinite when nothing could be found.
  double detectable_bytes_per_hour = 0;
  double n_eff = 0;        // effective samples, at most the number of samples
  double cycles = 0;       // of the dominant cycle, in the window; 0: none found
  double cycle_hours = 0;  // its period
  GrowthModel model = GrowthModel::kConstant;
  GrowthModel runner_up = GrowthModel::kConstant;
  double bic_difference = 0;   // runner-up - winner, at least 0
  double segment_begin_s = 0;  // the segment the rate was taken from, in the series' own time
  double segment_end_s = 0;
  size_t samples = 0;
  double hours = 0;
  double growth_bytes = 0;  // of the fitted curve, last - first
  // Of an insufficient verdict: hours more of the same that would do, as far as can be told, and
  // the detectable rate then (it falls with the 3/2 power of the duration).
  std::optional<double> more_hours;
  double then_detectable_bytes_per_hour = 0;
  std::string reason;      // one line, why this verdict
  bool tolerated = false;  // it grows, at `rate`, more slowly than VerdictOptions tolerates
};

struct VerdictOptions {
  // Bytes per hour: slower growth is no leak, and it takes a detectable rate as low to call a
  // series anything but a leak. 0: none is set; stable then takes 15 effective samples.
  double tolerance_bytes_per_hour = 0;
};

// `t_s`: seconds, increasing; `bytes`: any finite values, as many. `rss_bytes`, when not empty, is
// the resident memory at the same times: it tells retention from leaks of `bytes`, the live bytes.
// Throws Error for times that do not increase, values that are not finite, lengths that differ.
// O(n) for n samples and a constant for the fits. The verdict does not change when values are
// scaled by a power of two or shifted, nor when times are shifted (floating point permitting).
SeriesVerdict series_verdict(std::span<const double> t_s, std::span<const double> bytes,
                             std::span<const double> rss_bytes = {},
                             const VerdictOptions& options = {});

}  // namespace mla
