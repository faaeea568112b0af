// Cycles in a series: days, collections, batches. Pure functions.
#pragma once

#include <vector>

#include "verdict/bins.h"

namespace mla {

inline constexpr double kFewestPeriods = 2.8;  // fewer do not tell a cycle from a trend

struct Cycle {
  double periods = 0;          // in the window; 0: none
  double predicted_share = 0;  // of the variance of one half that the other half's cycle explains
  std::vector<double> curve;   // value in every bin, mean near 0
};

// The dominant cycle of `residual` with at least kFewestPeriods in the window and at least 4 bins a
// period: up to 3 harmonics at the frequency with the largest least-squares periodogram (Lomb,
// Astrophys. Space Sci. 39, 1976). It counts only when a cycle fitted to one half of the window
// predicts the other and the other way round: correlated noise has peaks as high, in one half.
Cycle find_cycle(const Bins& bins, const std::vector<double>& residual);

// A line with a cycle of 1 to kFewestPeriods periods: too few to be removed, but where this
// explains a series best, its growth is not to be believed.
struct ShortCycle {
  double bic = 0;  // comparable with Fit::bic
  double periods = 0;
  double slope = 0;      // of the line, per window
  double amplitude = 0;  // of the cycle
};
ShortCycle fit_short_cycle(const Bins& bins);

}  // namespace mla
