#include "series/founding.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "series/least_squares.h"

namespace mla {
namespace {

double relative_rise(double from, double to) { return (to - from) / from; }

double overshoot(std::span<const double> samples, size_t parts) {
  const size_t m = samples.size() / parts;
  if (m == 0) return std::numeric_limits<double>::quiet_NaN();
  return relative_rise(mean(samples.first(m)), mean(samples.last(m)));
}

// Relative to the larger slope. NaN when the sums overflow.
double disagreement(std::span<const double> samples, double slope_a, double slope_b) {
  // Slopes smaller than the rounding of the samples themselves are both 0, whatever their ratio.
  const double rounding = std::numeric_limits<double>::epsilon() * std::abs(mean(samples));
  const double difference = std::abs(slope_a - slope_b);
  if (difference <= rounding) return 0;
  return difference / std::max(std::abs(slope_a), std::abs(slope_b));
}

}  // namespace

FoundingResult founding_rule(std::span<const double> samples, const FoundingThresholds& thresholds,
                             std::span<const double> yesterday) {
  FoundingResult result;
  result.count = samples.size();
  if (samples.empty()) {
    result.overshoot_4 = result.overshoot_8 = std::numeric_limits<double>::quiet_NaN();
    result.validity = FoundingValidity::kTooFewSamples;
    return result;
  }
  result.peak_value = slope_per_sample(samples);
  result.slope_disagreement =
      disagreement(samples, result.peak_value, slope_per_sample_from_sums(samples));
  result.overshoot_4 = overshoot(samples, 4);
  result.overshoot_8 = overshoot(samples, 8);
  result.if_overshoot = result.overshoot_4 > thresholds.overshoot_ratio ||
                        result.overshoot_8 > thresholds.overshoot_ratio;
  if (!yesterday.empty()) {
    result.excess = relative_rise(mean(yesterday), mean(samples));
    result.if_excess = *result.excess > thresholds.excess_ratio;
  }
  if (samples.size() < 2 || samples.size() < thresholds.invalid_count) {
    result.validity = FoundingValidity::kTooFewSamples;
  } else if (!(result.slope_disagreement <= thresholds.error_ratio)) {
    result.validity = FoundingValidity::kSlopesDisagree;
  }
  result.notify =
      result.validity == FoundingValidity::kValid &&
      (result.if_overshoot || result.peak_value > thresholds.notify_peak || result.if_excess);
  return result;
}

}  // namespace mla
