// The founding thresholds: the rule by which the first users of mla judged a memory series.
// Pure functions; docs/analyse.md says what each threshold means and where it misleads.
#pragma once

#include <cstddef>
#include <optional>
#include <span>

namespace mla {

struct FoundingThresholds {
  double notify_peak = 0.0285;    // slope, in the unit of the samples per sample
  double excess_ratio = 0.2;      // rise of the mean over yesterday's
  double error_ratio = 0.01;      // disagreement of the two ways to compute the slope
  double overshoot_ratio = 0.15;  // rise of the last part over the first part
  size_t invalid_count = 300;     // fewer samples are invalid
};

enum class FoundingValidity { kValid, kTooFewSamples, kSlopesDisagree };

struct FoundingResult {
  size_t count = 0;
  double peak_value = 0;  // slope of the least-squares line, unit per sample
  // (mean(last m) - mean(first m)) / mean(first m) with m = floor(n / 4) and floor(n / 8). NaN when
  // m is 0 or both means are 0; infinite when only the first is.
  double overshoot_4 = 0;
  double overshoot_8 = 0;
  bool if_overshoot = false;  // either overshoot is above overshoot_ratio
  // Of the two slopes, relative to the larger; NaN when their sums overflow, which is invalid.
  double slope_disagreement = 0;
  // (mean(today) - mean(yesterday)) / mean(yesterday); empty without a series of yesterday.
  std::optional<double> excess;
  bool if_excess = false;
  FoundingValidity validity = FoundingValidity::kValid;
  bool notify = false;  // never for an invalid series
};

// `yesterday` may be empty. Never throws; any finite samples are accepted.
FoundingResult founding_rule(std::span<const double> samples,
                             const FoundingThresholds& thresholds = {},
                             std::span<const double> yesterday = {});

}  // namespace mla
