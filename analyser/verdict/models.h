// Curves a memory series may follow, fitted and compared. Pure functions.
#pragma once

#include <cstddef>
#include <vector>

#include "verdict/bins.h"

namespace mla {

enum class GrowthModel {
  kConstant,
  kLinear,
  kSteps,           // 1 to 5 changes of level
  kSaturation,      // a + b exp(-x / tau), tau <= the window
  kWarmUpLinear,    // a + b exp(-x / tau) + c x, tau <= a quarter of the window
  kFillThenFlat,    // a line up to the knee, level after it
  kFlatThenLinear,  // level up to the knee, a line after it
  kStepAndLinear,   // a line with one change of level
  kLogarithm,       // a + b ln(1 + x / tau)
};

struct Fit {
  GrowthModel model = GrowthModel::kConstant;
  size_t parameters = 1;  // linear coefficients and shapes
  double shape = 0;       // knee or tau, as a share of the window
  // Change of the final line, or of the final flat part, per window; 0 for flat ones.
  double slope = 0;
  // Variance of `slope` over that of independent residuals, from the normal equations.
  double slope_variance = 0;
  std::vector<double> fitted;
  std::vector<double> transient;  // of a growing model: what of `fitted` is not the final line
  std::vector<double> residual;
  std::vector<double> steps;  // x of the changes of level
  double variance = 0;        // of the residuals, with degrees of freedom
  double phi = 0;             // correlation of residuals one bin apart, bias-corrected
  double bic = 0;
};

// All models, each at its best shape by least squares. BIC is that of the fit with first-order
// autoregressive residuals: m ln(variance of the innovations) + (parameters + 1) ln m, so that
// correlated noise counts by what is new in it (Schwarz, Ann. Stat. 6, 1978; for time series,
// Brockwell and Davis, "Time Series: Theory and Methods", section 9.3). At least 8 bins.
std::vector<Fit> fit_models(const Bins& bins);

// Residuals, variance, phi and BIC of a curve with so many linear coefficients and shapes, fitted
// to the bins by the caller.
Fit fit_of_curve(const Bins& bins, GrowthModel model, size_t linear, size_t shapes,
                 std::vector<double> fitted);

// Least-squares coefficients of `columns`, by modified Gram-Schmidt. Columns that add nothing to
// those before them get 0.
struct Coefficients {
  std::vector<double> value;
  std::vector<double> variance;  // over that of independent residuals: the diagonal of (X'X)^-1
};
Coefficients least_squares(const std::vector<std::vector<double>>& columns,
                           const std::vector<double>& y);

}  // namespace mla
