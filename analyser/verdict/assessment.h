// What one series shows of growth, before it is given a name. Pure functions.
#pragma once

#include <cstddef>
#include <vector>

#include "verdict/bins.h"
#include "verdict/cycle.h"
#include "verdict/growth_tests.h"
#include "verdict/models.h"

namespace mla {

inline constexpr double kLatestKnee = 0.7;  // of the window, for growth that is over
inline constexpr double kLongestTau = 0.32;
inline constexpr double kLeastEffective = 5;  // samples, for any verdict but `insufficient`

// The model ends in a line.
bool goes_on(GrowthModel model);

struct Assessment {
  std::vector<Fit> fits;       // by BIC, best first
  Fit growing;                 // the best of the models that grow to the end
  double growing_lead = 0;     // BIC of the best other model - that of `growing`
  double bins_per_sample = 1;  // autocorrelation time of the best fit's residuals, in bins
  double n_eff = 0;            // bins / bins_per_sample
  double sigma = 0;            // of the best fit's residuals
  // The segment on which `growing` grows, its slope there and standard error, per window.
  double segment_begin = 0;
  double slope = 0;
  double slope_error = 0;
  double segment_n_eff = 0;
  bool still_growing = false;
  Drift drift;
  bool level_test = false;   // significant growth of a growing model
  bool drift_test = false;   // significant mean increment
  bool minima_test = false;  // the floor under the series grows
  Cycle cycle;
  bool short_cycle = false;  // explained best by a cycle of too few periods to remove
  double short_periods = 0;
  Bins flattened;  // the bins without the cycle

  bool leaks() const { return !short_cycle && (level_test || drift_test || minima_test); }
};

// At least 8 bins.
Assessment assess(const Bins& bins);

}  // namespace mla
