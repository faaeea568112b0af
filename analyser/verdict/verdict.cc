#include "verdict/verdict.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "comparison/interval.h"
#include "reader/error.h"
#include "verdict/assessment.h"

namespace mla {
namespace {

constexpr size_t kFewestSamples = 12;
constexpr double kStableEffective = 15;  // growth of 3 sigma over the window would have been seen
constexpr double kJumpErrors = 4;
constexpr double kSureErrors = 7;  // a slope of so many standard errors is found nearly always
constexpr double kUnknown = 0.3;
constexpr double kSureLead = 6;  // BIC by which a curve must beat a constant to be named

void check(std::span<const double> t_s, std::span<const double> bytes,
           std::span<const double> rss_bytes) {
  const char* advice = "give increasing times in seconds and a finite value for each";
  if (t_s.size() != bytes.size() || (!rss_bytes.empty() && rss_bytes.size() != t_s.size())) {
    throw Error("series", "has columns of different lengths", advice);
  }
  for (size_t i = 0; i < t_s.size(); ++i) {
    const std::string sample = "sample " + std::to_string(i + 1);
    if (!std::isfinite(t_s[i]) || !std::isfinite(bytes[i]) ||
        (!rss_bytes.empty() && !std::isfinite(rss_bytes[i]))) {
      throw Error(sample, "is not a finite number", advice);
    }
    if (i > 0 && t_s[i] <= t_s[i - 1]) {
      throw Error(sample, t_s[i] < t_s[i - 1] ? "goes back in time" : "has the time of the last",
                  advice);
    }
  }
}

// (t.99 + t.9) sigma sqrt(12 / n_eff): growth over the window that is found with 90 % power.
double detectable_growth(double sigma, double n_eff) {
  if (n_eff <= 3) return std::numeric_limits<double>::infinity();
  return (student_t(0.01, n_eff - 2) + student_t(0.1, n_eff - 2)) * sigma * std::sqrt(12 / n_eff);
}

struct Line {
  double slope = 0;  // per window
  double error = 0;
};

// The line through the bins from `begin` on.
Line line_after(const Bins& bins, double begin, const Assessment& a) {
  std::vector<double> x;
  std::vector<double> y;
  for (size_t i = 0; i < bins.x.size(); ++i) {
    if (bins.x[i] < begin) continue;
    x.push_back(bins.x[i]);
    y.push_back(bins.y[i]);
  }
  Line line;
  const double length = 1 - begin;
  line.error = a.sigma * std::sqrt(12 / std::max(1.0, a.n_eff * length)) / length;
  if (x.size() < 3) return line;
  line.slope = least_squares({std::vector<double>(x.size(), 1.0), x}, y).value[1];
  return line;
}

double rise(const Fit& fit) { return fit.fitted.back() - fit.fitted.front(); }

// A rise of the fitted curve that noise does not explain.
bool rose(const Fit& fit, const Assessment& a) {
  return rise(fit) > kJumpErrors * a.sigma * std::sqrt(4 / std::max(a.n_eff, 1.0));
}

// Retention of what a burst left: live bytes came back down, RSS did not.
bool kept_after_burst(const Assessment& live, const Assessment& rss) {
  const std::vector<double>& y = live.fits.front().fitted;
  const double peak = *std::max_element(y.begin(), y.end());
  const double kept = rise(rss.fits.front());
  return rose(rss.fits.front(), rss) && peak - y.back() > kept / 2 &&
         y.back() - y.front() < kept / 4;
}

bool is_retention(const Assessment& live, const Bins& rss_bins) {
  const Assessment rss = assess(rss_bins);
  if (kept_after_burst(live, rss)) return true;
  if (!rss.leaks()) return false;
  const double live_growth = line_after(live.flattened, 0, live).slope;
  return live_growth < rss.slope * (1 - rss.segment_begin) / 4;
}

struct Named {
  VerdictClass verdict = VerdictClass::kInsufficient;
  double segment_begin = 0;
  std::string reason;
  double longer = 2;  // insufficient: so many times the duration would do
};

Named name_growth_that_ended(const Assessment& a) {
  const Fit& best = a.fits.front();
  switch (best.model) {
    case GrowthModel::kSteps:
      return {VerdictClass::kStep, best.shape, "the level changed and is flat since"};
    case GrowthModel::kSaturation:
      if (best.shape <= kLongestTau) {
        return {VerdictClass::kBounded, std::min(3 * best.shape, 0.75), "growth has levelled off"};
      }
      break;
    case GrowthModel::kFillThenFlat:
      if (best.shape <= kLatestKnee) {
        return {VerdictClass::kBounded, best.shape, "growth has ended"};
      }
      break;
    default:
      break;
  }
  return {VerdictClass::kInsufficient, 0, "growth slows down and may end"};
}

bool is(const Fit& fit, GrowthModel model) { return fit.model == model; }

// The slope is significant by a test of level 1 %.
bool seems_to_grow(const Assessment& a) {
  return a.slope > student_t(0.01, std::max(3.0, a.segment_n_eff - 2)) * a.slope_error;
}

// Named a curve only when it beats a constant clearly.
bool is_flat(const Assessment& a) {
  const Fit& best = a.fits.front();
  const auto constant = std::find_if(
      a.fits.begin(), a.fits.end(), [](const Fit& fit) { return is(fit, GrowthModel::kConstant); });
  return constant->bic < best.bic + kSureLead || goes_on(best.model);
}

Named name_of(const Assessment& a, double n_eff) {
  using enum VerdictClass;
  const Fit& best = a.fits.front();
  if (a.leaks()) return {kLeak, a.segment_begin, "it grows, and still does"};
  if (a.short_cycle) {
    return {kInsufficient, 0, "a cycle was seen too few times to tell it from growth",
            kFewestPeriods / a.short_periods};
  }
  if (a.n_eff < kLeastEffective) {
    return {kInsufficient, 0, "the samples hold too little independent information",
            kStableEffective / a.n_eff};
  }
  const bool grew = seems_to_grow(a);
  if (!is_flat(a) && (is(best, GrowthModel::kSteps) || rise(best) > 0)) {
    if (a.growing_lead > -kSureLead && grew) {
      return {kInsufficient, 0, "it grew, and it is not clear whether it still does"};
    }
    return name_growth_that_ended(a);
  }
  if (grew) {
    const double errors = a.slope / a.slope_error;
    return {kInsufficient, a.segment_begin, "it grew, but not surely",
            std::max(1.1, std::pow(kSureErrors / errors, 2.0 / 3))};
  }
  if (n_eff < kStableEffective) {
    return {kInsufficient, 0, "a leak would not have been seen yet", kStableEffective / n_eff};
  }
  return {kStable, 0, "no growth beyond the noise"};
}

// The shares of leaks among generated series of this verdict and evidence (seed 2,
// docs/verdict.md).
double probability_of(VerdictClass verdict, const Assessment& a) {
  const double errors = a.slope_error > 0 ? a.slope / a.slope_error : 0;
  switch (verdict) {
    case VerdictClass::kLeak:
      if (errors < 4 && !a.drift_test && !a.minima_test) return 0.9;
      return a.growing_lead < 0 ? 0.97 : 0.99;
    case VerdictClass::kBounded:
    case VerdictClass::kRetention:
      return 0.01;
    case VerdictClass::kStable:
      return 0.005;
    case VerdictClass::kStep:
      return errors < 4 ? 0.01 : 0.1;
    case VerdictClass::kGrowing:
    case VerdictClass::kInsufficient:
      break;
  }
  if (a.growing_lead < -10 || errors < 2) return 0.02;
  if (a.growing_lead < -4) return 0.06;
  if (a.growing_lead < 0) return 0.15;
  return errors < 3 ? 0.25 : 0.85;
}

double p_value_of(const Assessment& a) {
  double p = 1;
  if (a.slope > 0 && a.slope_error > 0 && a.segment_n_eff >= kLeastEffective) {
    p = student_tail(a.slope / a.slope_error, a.segment_n_eff - 2);
  }
  if (a.slope > 0 && a.slope_error == 0) p = 0;
  if (a.drift_test) {
    p = std::min(p, student_tail(a.drift.t, static_cast<double>(a.drift.blocks - 1)));
  }
  return p;
}

// What a tolerance makes of a verdict.
void apply_tolerance(SeriesVerdict& v, double tolerance) {
  if (tolerance <= 0) return;
  if (v.verdict == VerdictClass::kLeak && v.rate.value < tolerance) {
    v.verdict = VerdictClass::kStable;
    v.reason = "it grows more slowly than is tolerated";
    v.tolerated = true;
    return;
  }
  if (v.verdict == VerdictClass::kLeak || v.verdict == VerdictClass::kInsufficient ||
      v.detectable_bytes_per_hour <= tolerance) {
    return;
  }
  v.verdict = VerdictClass::kInsufficient;
  v.reason = "a leak of the rate tolerated would not have been seen yet";
  v.more_hours = v.hours * (std::pow(v.detectable_bytes_per_hour / tolerance, 2.0 / 3) - 1);
  v.then_detectable_bytes_per_hour = tolerance;
}

}  // namespace

SeriesVerdict series_verdict(std::span<const double> t_s, std::span<const double> bytes,
                             std::span<const double> rss_bytes, const VerdictOptions& options) {
  check(t_s, bytes, rss_bytes);
  SeriesVerdict v;
  v.samples = bytes.size();
  v.hours = bytes.empty() ? 0 : (t_s.back() - t_s.front()) / kSecondsPerHour;
  v.detectable_bytes_per_hour = std::numeric_limits<double>::infinity();
  if (bytes.size() < kFewestSamples) {
    v.reason = "fewer than " + std::to_string(kFewestSamples) + " samples";
    v.probability = kUnknown;
    if (v.hours > 0) {
      v.more_hours =
          v.hours *
          (static_cast<double>(kFewestSamples - 1) / static_cast<double>(bytes.size() - 1) - 1);
    }
    return v;
  }
  const Bins bins = bin_series(t_s, clip_spikes(bytes));
  if (bins.y.size() < kFewestSamples) {
    v.reason = "most samples are of a few short times";
    v.probability = kUnknown;
    return v;
  }
  const Assessment a = assess(bins);
  const double variance = a.sigma * a.sigma;
  v.n_eff = variance > 0 ? std::min(static_cast<double>(v.samples),
                                    a.n_eff * (variance + bins.spread_within) / variance)
                         : static_cast<double>(v.samples);
  v.detectable_bytes_per_hour = detectable_growth(a.sigma, a.n_eff) / v.hours;
  v.cycles = a.cycle.periods;
  v.cycle_hours = v.cycles > 0 ? v.hours / v.cycles : 0;
  v.model = a.fits[0].model;
  const auto second = std::find_if(a.fits.begin(), a.fits.end(),
                                   [&](const Fit& fit) { return fit.model != v.model; });
  v.runner_up = second->model;
  v.bic_difference = second->bic - a.fits[0].bic;
  v.growth_bytes = rise(a.fits[0]);

  const Named named = name_of(a, v.n_eff);
  v.verdict = named.verdict;
  v.reason = named.reason;
  Line line = line_after(a.flattened, named.segment_begin, a);
  if (a.leaks() && a.level_test) line = {a.slope, a.slope_error};
  if (a.leaks() && !a.level_test && a.drift_test) line = {a.drift.per_window, a.drift.error};
  const double t975 = student_t(0.025, std::max(3.0, a.n_eff - 2));
  v.rate = {line.slope / v.hours, (line.slope - t975 * line.error) / v.hours,
            (line.slope + t975 * line.error) / v.hours};
  v.segment_begin_s = t_s.front() + named.segment_begin * (t_s.back() - t_s.front());
  v.segment_end_s = t_s.back();
  if (v.verdict != VerdictClass::kLeak && !rss_bytes.empty() &&
      is_retention(a, bin_series(t_s, clip_spikes(rss_bytes)))) {
    v.verdict = VerdictClass::kRetention;
    v.reason = "RSS grew, live bytes did not";
  }
  v.probability = probability_of(v.verdict, a);
  v.p_value = p_value_of(a);
  if (v.verdict == VerdictClass::kInsufficient) {
    v.more_hours = v.hours * (named.longer - 1);
    v.then_detectable_bytes_per_hour = v.detectable_bytes_per_hour / std::pow(named.longer, 1.5);
  }
  apply_tolerance(v, options.tolerance_bytes_per_hour);
  return v;
}

const char* verdict_name(VerdictClass verdict) {
  switch (verdict) {
    case VerdictClass::kLeak:
      return "leak";
    case VerdictClass::kBounded:
      return "bounded";
    case VerdictClass::kStep:
      return "step";
    case VerdictClass::kRetention:
      return "retention";
    case VerdictClass::kStable:
      return "stable";
    case VerdictClass::kGrowing:
      return "still growing";
    case VerdictClass::kInsufficient:
      break;
  }
  return "insufficient";
}

const char* model_name(GrowthModel model) {
  switch (model) {
    case GrowthModel::kConstant:
      return "constant";
    case GrowthModel::kLinear:
      return "linear";
    case GrowthModel::kSteps:
      return "steps";
    case GrowthModel::kSaturation:
      return "saturation";
    case GrowthModel::kWarmUpLinear:
      return "warm-up then linear";
    case GrowthModel::kFillThenFlat:
      return "fill then flat";
    case GrowthModel::kFlatThenLinear:
      return "flat then linear";
    case GrowthModel::kStepAndLinear:
      return "linear with a step";
    case GrowthModel::kLogarithm:
      break;
  }
  return "logarithm";
}

}  // namespace mla
