#include "verdict/assessment.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "comparison/interval.h"
#include "verdict/autocorrelation.h"

namespace mla {
namespace {

// Tuned on the seeds of tests/verdict's tuning set; docs/verdict.md has what they achieve on
// others.
constexpr double kLineTail = 0.001;
constexpr double kShapeTail = 0.0003;      // of models that could choose their best shape
constexpr double kShortestSegment = 0.15;  // of the window
// BIC by which a model that ends its growth may lead a line: noise alone bends it that much;
constexpr double kLeadOfOthers = 5;
// a growing model that is bent itself must lead.
constexpr double kLeadOfStep = 2.5;
constexpr double kLeadOfWarmUp = 2;
constexpr double kFavourOfLine = 3;  // BIC by which another growing model must beat the line
constexpr double kDriftTail = 0.002;
constexpr double kDriftLate = 0.35;
constexpr double kDriftLateSlowing = 0.75;
constexpr double kDriftLead = 10;
constexpr double kMinimaTail = 0.0005;
constexpr double kShortCycleLead = 10;
constexpr double kExact = 1e-9;  // of the range
constexpr int kCyclePasses = 3;
constexpr size_t kDriftBlocks = 16;
constexpr size_t kMinimaBlocks = 20;

bool grows(const Fit& fit) { return goes_on(fit.model) && fit.slope > 0; }

// Where the final line of a growing model is all there is.
double segment_begin(const Fit& fit) {
  if (fit.model == GrowthModel::kFlatThenLinear) return fit.shape;
  if (fit.model == GrowthModel::kWarmUpLinear) return std::min(3 * fit.shape, 0.75);
  return 0;
}

std::vector<Fit> sorted_fits(const Bins& bins) {
  std::vector<Fit> fits = fit_models(bins);
  std::stable_sort(fits.begin(), fits.end(),
                   [](const Fit& a, const Fit& b) { return a.bic < b.bic; });
  return fits;
}

size_t linear_coefficients(const Fit& fit) {
  if (fit.model == GrowthModel::kSteps) return fit.steps.size() + 1;
  if (fit.model == GrowthModel::kConstant) return 1;
  if (fit.model == GrowthModel::kStepAndLinear) return 4;
  return fit.model == GrowthModel::kWarmUpLinear ? 3 : 2;
}

// The cycle on top of whichever simple trend shows it best.
Cycle cycle_of(const Bins& bins, const std::vector<Fit>& fits) {
  Cycle best;
  for (const Fit& fit : fits) {
    if (fit.model == GrowthModel::kSteps && fit.steps.size() > 1) continue;
    Cycle cycle = find_cycle(bins, fit.residual);
    if (cycle.predicted_share > best.predicted_share) best = std::move(cycle);
  }
  return best;
}

Bins without(Bins bins, const std::vector<double>& curve) {
  for (size_t i = 0; i < bins.y.size(); ++i) {
    bins.y[i] -= curve[i];
    bins.lowest[i] -= curve[i];
  }
  return bins;
}

bool few_steps(const Fit& fit) { return fit.model == GrowthModel::kSteps && fit.steps.size() <= 3; }

// Growth that may end, but did not within the window.
bool slows_down(const Fit& fit) {
  return (fit.model == GrowthModel::kSaturation && fit.shape > kLongestTau) ||
         (fit.model == GrowthModel::kFillThenFlat && fit.shape > kLatestKnee) ||
         fit.model == GrowthModel::kLogarithm;
}

double lead_allowed(const Fit& growing) {
  if (growing.model == GrowthModel::kStepAndLinear) return -kLeadOfStep;
  return growing.model == GrowthModel::kWarmUpLinear ? -kLeadOfWarmUp : kLeadOfOthers;
}

// The growing model without its line.
const Fit& without_line(const std::vector<Fit>& fits, GrowthModel growing) {
  const auto nested = std::find_if(fits.begin(), fits.end(), [growing](const Fit& fit) {
    if (growing == GrowthModel::kWarmUpLinear) return fit.model == GrowthModel::kSaturation;
    if (growing == GrowthModel::kStepAndLinear) {
      return fit.model == GrowthModel::kSteps && fit.steps.size() == 1;
    }
    return fit.model == GrowthModel::kConstant;
  });
  return nested == fits.end() ? fits.front() : *nested;
}

// Standard errors of the slope by the likelihood ratio: where a shape can stand in for a slope, the
// normal equations at the best shape promise too much.
double ratio_errors(const Assessment& a, size_t bins) {
  const Fit& nested = without_line(a.fits, a.growing.model);
  const double parameters =
      static_cast<double>(a.growing.parameters) - static_cast<double>(nested.parameters);
  const double gain = nested.bic - a.growing.bic + parameters * std::log(static_cast<double>(bins));
  return std::sqrt(std::max(gain, 0.0));
}

// What of a growing fit is no growth that goes on; of an onset the transient is the line itself.
std::vector<double> transient_of(const Fit& fit) {
  return fit.model == GrowthModel::kStepAndLinear ? fit.transient
                                                  : std::vector<double>(fit.fitted.size());
}

// Bins per independent one. Where a curve fits all but exactly, what it leaves is rounding.
double time_of(const Fit& fit, const Bins& bins) {
  const auto [low, high] = std::minmax_element(bins.y.begin(), bins.y.end());
  if (std::sqrt(fit.variance) <= (*high - *low) * kExact) return 1;
  return autocorrelation_time(fit.residual, bins.index, linear_coefficients(fit));
}

void test_level(const Bins& bins, Assessment& a) {
  const auto m = static_cast<double>(bins.y.size());
  a.segment_begin = segment_begin(a.growing);
  const double length = 1 - a.segment_begin;
  const double tau = time_of(a.growing, bins);
  const double n_eff = m / tau;
  a.segment_n_eff = n_eff * length;
  a.slope = a.growing.slope;
  const double sigma = std::sqrt(a.growing.variance);
  a.slope_error = sigma * std::sqrt(tau * a.growing.slope_variance);
  a.still_growing =
      grows(a.growing) && still_growing(without(bins, transient_of(a.growing)), a.segment_begin, 1,
                                        sigma / std::sqrt(a.segment_n_eff));
  if (!a.still_growing || a.segment_n_eff < kLeastEffective || length < kShortestSegment) return;
  const double tail = a.growing.model == GrowthModel::kLinear ? kLineTail : kShapeTail;
  a.level_test = a.growing_lead >= -lead_allowed(a.growing) &&
                 std::min(a.slope / a.slope_error, ratio_errors(a, bins.y.size())) >
                     student_t(tail, a.segment_n_eff - 2);
}

void test_drift(const Bins& bins, Assessment& a) {
  a.drift = drift_test(bins, std::min(kDriftBlocks, bins.y.size() / 2));
  if (a.drift.blocks < 7 || few_steps(a.fits.front())) return;
  const bool slows = slows_down(a.fits.front()) || (a.growing.model == GrowthModel::kWarmUpLinear &&
                                                    a.growing_lead < kLeadOfWarmUp);
  if (a.growing_lead < -(slows ? kDriftLead : kLeadOfOthers)) return;
  const double limit = student_t(kDriftTail, static_cast<double>(a.drift.blocks - 1));
  a.drift_test = a.drift.t > limit && a.drift.late_share > (slows ? kDriftLateSlowing : kDriftLate);
}

void test_minima(const Bins& bins, Assessment& a) {
  if (bins.y.size() < 3 * kMinimaBlocks || few_steps(a.fits.front()) ||
      a.growing_lead < -kDriftLead) {
    return;
  }
  const Bins minima = block_minima(bins, kMinimaBlocks);
  if (minima.y.size() < kMinimaBlocks - 4) return;
  const std::vector<Fit> fits = sorted_fits(minima);
  if (fits.front().model != GrowthModel::kLinear || fits.front().slope <= 0) return;
  const double n_eff = static_cast<double>(minima.y.size()) /
                       autocorrelation_time(fits.front().residual, minima.index, 2);
  if (n_eff < kLeastEffective) return;
  const double sigma = std::sqrt(fits.front().variance);
  a.minima_test =
      fits.front().slope > student_t(kMinimaTail, n_eff - 2) * sigma * std::sqrt(12 / n_eff) &&
      still_growing(minima, 0, 1, sigma / std::sqrt(n_eff));
}

}  // namespace

bool goes_on(GrowthModel model) {
  return model == GrowthModel::kLinear || model == GrowthModel::kFlatThenLinear ||
         model == GrowthModel::kWarmUpLinear || model == GrowthModel::kStepAndLinear;
}

Assessment assess(const Bins& bins) {
  Assessment a;
  a.flattened = bins;
  a.fits = sorted_fits(bins);
  a.cycle = cycle_of(bins, a.fits);
  // The trend was fitted with the cycle in it, and the cycle to what the trend left.
  for (int pass = 0; a.cycle.periods > 0 && pass < kCyclePasses; ++pass) {
    a.flattened = without(bins, a.cycle.curve);
    a.fits = sorted_fits(a.flattened);
    Cycle again = find_cycle(bins, without(bins, a.fits.front().fitted).y);
    if (again.periods == 0 || pass + 1 == kCyclePasses) break;
    a.cycle = std::move(again);
  }
  const Fit& best = a.fits.front();
  const double tau = time_of(best, bins);
  a.bins_per_sample = tau;
  a.n_eff = static_cast<double>(bins.y.size()) / tau;
  a.sigma = std::sqrt(best.variance);

  auto growing = std::find_if(a.fits.begin(), a.fits.end(), grows);
  const auto other = std::find_if_not(a.fits.begin(), a.fits.end(), grows);
  const auto line = std::find_if(a.fits.begin(), a.fits.end(), [](const Fit& fit) {
    return fit.model == GrowthModel::kLinear && fit.slope > 0;
  });
  if (line != a.fits.end() && line->bic < growing->bic + kFavourOfLine) growing = line;
  if (growing != a.fits.end()) {
    a.growing = *growing;
    a.growing_lead = other->bic - growing->bic;
    test_level(a.flattened, a);
    test_drift(a.flattened, a);
    test_minima(a.flattened, a);
  }
  if (a.cycle.periods == 0) {
    const ShortCycle cycle = fit_short_cycle(bins);
    a.short_periods = cycle.periods;
    a.short_cycle = cycle.bic + kShortCycleLead < best.bic && cycle.slope < 4 * cycle.amplitude;
  }
  return a;
}

}  // namespace mla
