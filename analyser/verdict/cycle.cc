#include "verdict/cycle.h"

#include <algorithm>
#include <cmath>
#include <complex>
#include <limits>
#include <numbers>

#include "verdict/models.h"

namespace mla {
namespace {

using Column = std::vector<double>;

constexpr double kLeastPredicted = 0.5;
constexpr double kLeastFundamental = 0.3;
constexpr size_t kHarmonics = 3;

void add_harmonics(std::vector<Column>& columns, const Bins& bins, double periods, size_t count) {
  for (size_t h = 1; h <= count; ++h) {
    // A harmonic needs 3 bins a period, else it fits noise.
    if (periods * static_cast<double>(h) * 3 > static_cast<double>(bins.grid)) break;
    Column c(bins.x.size());
    Column s(bins.x.size());
    for (size_t i = 0; i < c.size(); ++i) {
      const double angle = 2 * std::numbers::pi * periods * static_cast<double>(h) * bins.x[i];
      c[i] = std::cos(angle);
      s[i] = std::sin(angle);
    }
    columns.push_back(std::move(c));
    columns.push_back(std::move(s));
  }
}

std::vector<Column> harmonics(const Bins& bins, double periods) {
  std::vector<Column> columns{Column(bins.x.size(), 1.0)};
  add_harmonics(columns, bins, periods, kHarmonics);
  return columns;
}

double squares(const Column& y, size_t first, size_t last, const Column* fitted) {
  double sum = 0;
  for (size_t i = first; i < last; ++i) {
    const double e = y[i] - (fitted == nullptr ? 0 : (*fitted)[i]);
    sum += e * e;
  }
  return sum;
}

// Coefficients from rows [first, last), the curve for all rows.
Column curve_from(const std::vector<Column>& columns, const Column& y, size_t first, size_t last) {
  std::vector<Column> part;
  for (const Column& column : columns) {
    part.emplace_back(column.begin() + first, column.begin() + last);
  }
  const Column coefficients =
      least_squares(part, Column(y.begin() + first, y.begin() + last)).value;
  Column curve(y.size());
  for (size_t c = 0; c < columns.size(); ++c) {
    for (size_t i = 0; i < y.size(); ++i) curve[i] += coefficients[c] * columns[c][i];
  }
  return curve;
}

// The number of periods in [from, to] whose sine explains most of y, which has mean 0. The sums of
// Lomb's periodogram for bins on a grid, where one rotation a bin makes every sine.
// `share` is set to the share of the squares of y that sine explains.
double best_periods(const Bins& bins, const Column& y, double from, double to, double step,
                    double& share) {
  double best = from;
  double most = -1;
  for (double periods = from; periods <= to; periods += step) {
    const double turn = 2 * std::numbers::pi * periods / static_cast<double>(bins.grid);
    const std::complex<double> rotation = std::polar(1.0, turn);
    std::complex<double> phase = 1;
    std::complex<double> sum = 0;
    size_t at = 0;
    for (size_t i = 0; i < y.size(); ++i) {
      for (; at < bins.index[i]; ++at) {
        phase = {phase.real() * rotation.real() - phase.imag() * rotation.imag(),
                 phase.real() * rotation.imag() + phase.imag() * rotation.real()};
      }
      sum += phase * y[i];
    }
    const double power = std::norm(sum);
    if (power > most) {
      most = power;
      best = periods;
    }
  }
  const double total = squares(y, 0, y.size(), nullptr) * static_cast<double>(y.size());
  share = total > 0 ? 2 * most / total : 0;
  return best;
}

}  // namespace

Cycle find_cycle(const Bins& bins, const Column& residual) {
  Cycle cycle;
  const size_t m = residual.size();
  const double most = static_cast<double>(bins.grid) / 4;
  if (m < 24 || most < kFewestPeriods) return cycle;
  double fundamental = 0;
  double periods = best_periods(bins, residual, kFewestPeriods, most, 0.1, fundamental);
  if (fundamental < kLeastFundamental) return cycle;
  std::vector<Column> columns;
  double least = std::numeric_limits<double>::infinity();
  for (const double step : {0.03, 0.01, 0.003}) {
    const double centre = periods;
    for (int i = -3; i <= 3; ++i) {
      const double tried = std::max(centre + step * i, kFewestPeriods);
      std::vector<Column> with = harmonics(bins, tried);
      const Column curve = curve_from(with, residual, 0, m);
      const double left = squares(residual, 0, m, &curve);
      if (left >= least) continue;
      least = left;
      periods = tried;
      columns = std::move(with);
    }
  }
  const size_t half = m / 2;
  const Column from_first = curve_from(columns, residual, 0, half);
  const Column from_second = curve_from(columns, residual, half, m);
  const double unexplained =
      squares(residual, half, m, &from_first) + squares(residual, 0, half, &from_second);
  const double total = squares(residual, 0, m, nullptr);
  const double share = total > 0 ? 1 - unexplained / total : 0;
  if (share < kLeastPredicted) return cycle;
  cycle.periods = periods;
  cycle.predicted_share = share;
  cycle.curve = curve_from(columns, residual, 0, m);
  double mean = 0;
  for (const double value : cycle.curve) mean += value / static_cast<double>(m);
  for (double& value : cycle.curve) value -= mean;
  return cycle;
}

ShortCycle fit_short_cycle(const Bins& bins) {
  ShortCycle best;
  best.bic = std::numeric_limits<double>::infinity();
  for (double periods = 1; periods < kFewestPeriods; periods += 0.1) {
    std::vector<Column> columns{Column(bins.x.size(), 1.0), bins.x};
    add_harmonics(columns, bins, periods, 1);
    if (columns.size() < 4) break;
    const Column c = least_squares(columns, bins.y).value;
    Column fitted(bins.y.size());
    for (size_t k = 0; k < columns.size(); ++k) {
      for (size_t i = 0; i < fitted.size(); ++i) fitted[i] += c[k] * columns[k][i];
    }
    const Fit fit = fit_of_curve(bins, GrowthModel::kLinear, columns.size(), 1, std::move(fitted));
    if (fit.bic < best.bic) best = {fit.bic, periods, c[1], std::hypot(c[2], c[3])};
  }
  return best;
}

}  // namespace mla
