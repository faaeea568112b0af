#include "verdict/models.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <utility>

#include "verdict/autocorrelation.h"

namespace mla {
namespace {

using Column = std::vector<double>;

constexpr size_t kMaxSteps = 5;

double dot(const Column& a, const Column& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

Column ones(size_t n) { return Column(n, 1.0); }

template <class F>
Column of_x(const Bins& bins, F f) {
  Column column(bins.x.size());
  std::transform(bins.x.begin(), bins.x.end(), column.begin(), f);
  return column;
}

Column combined(const std::vector<Column>& columns, const Column& coefficients) {
  Column fitted(columns.front().size());
  for (size_t c = 0; c < columns.size(); ++c) {
    for (size_t i = 0; i < fitted.size(); ++i) fitted[i] += coefficients[c] * columns[c][i];
  }
  return fitted;
}

double squared_error(const Column& y, const Column& fitted) {
  double sum = 0;
  for (size_t i = 0; i < y.size(); ++i) sum += (y[i] - fitted[i]) * (y[i] - fitted[i]);
  return sum;
}

// From `first` to `last`, `count` values in equal ratios or in equal steps.
std::vector<double> ratios(double first, double last, size_t count) {
  std::vector<double> values;
  for (size_t i = 0; i < count; ++i) {
    values.push_back(
        first * std::pow(last / first, static_cast<double>(i) / static_cast<double>(count - 1)));
  }
  return values;
}

std::vector<double> even(double first, double last, size_t count) {
  std::vector<double> values;
  for (size_t i = 0; i < count; ++i) {
    values.push_back(first +
                     (last - first) * static_cast<double>(i) / static_cast<double>(count - 1));
  }
  return values;
}

using Basis = std::function<std::vector<Column>(double shape)>;

struct Recipe {
  GrowthModel model;
  Basis basis;
  size_t slope_column;      // the coefficient that is the final slope, or kNoSlope
  size_t shape_parameters;  // what the choice of a shape counts for in BIC
};
constexpr size_t kNoSlope = 99;

double error_at(const Bins& bins, const Recipe& recipe, double shape) {
  const std::vector<Column> columns = recipe.basis(shape);
  return squared_error(bins.y, combined(columns, least_squares(columns, bins.y).value));
}

// The best shape by least squares: the best of `shapes`, then between its neighbours.
Fit best_shape(const Bins& bins, const Recipe& recipe, const std::vector<double>& shapes,
               int refinements) {
  double least = std::numeric_limits<double>::infinity();
  size_t at = 0;
  for (size_t i = 0; i < shapes.size(); ++i) {
    const double error = error_at(bins, recipe, shapes[i]);
    if (error < least) {
      least = error;
      at = i;
    }
  }
  double best = shapes[at];
  double width =
      at + 1 < shapes.size() ? shapes[at + 1] - best : best - shapes[at == 0 ? 0 : at - 1];
  for (int i = 0; i < refinements; ++i) {
    width /= 2;
    for (const double shape : {best - width, best + width}) {
      if (shape < shapes.front() || shape > shapes.back()) continue;
      const double error = error_at(bins, recipe, shape);
      if (error < least) {
        least = error;
        best = shape;
        break;
      }
    }
  }
  const std::vector<Column> columns = recipe.basis(best);
  Coefficients coefficients = least_squares(columns, bins.y);
  Fit fit = fit_of_curve(bins, recipe.model, columns.size(), recipe.shape_parameters,
                         combined(columns, coefficients.value));
  fit.shape = best;
  if (recipe.slope_column == kNoSlope) return fit;
  fit.slope = coefficients.value[recipe.slope_column];
  fit.slope_variance = coefficients.variance[recipe.slope_column];
  coefficients.value[0] = coefficients.value[recipe.slope_column] = 0;
  fit.transient = combined(columns, coefficients.value);
  return fit;
}

// The best partition into 2 to kMaxSteps + 1 levels: dynamic programming (Bellman, CACM 4, 1961),
// O(steps m^2).
std::vector<Fit> fit_steps(const Bins& bins) {
  const size_t m = bins.y.size();
  const size_t shortest = std::max<size_t>(4, m / 40);
  Column sum(m + 1);
  Column squares(m + 1);
  for (size_t i = 0; i < m; ++i) {
    sum[i + 1] = sum[i] + bins.y[i];
    squares[i + 1] = squares[i] + bins.y[i] * bins.y[i];
  }
  // The first bin of a level after a step is fitted by itself, see fit_models.
  const auto cost = [&](size_t begin, size_t to) {
    const size_t from = begin == 0 ? 0 : begin + 1;
    const double s = sum[to] - sum[from];
    return squares[to] - squares[from] - s * s / static_cast<double>(to - from);
  };
  constexpr double kNever = std::numeric_limits<double>::infinity();
  std::vector<Column> least(kMaxSteps + 1, Column(m + 1, kNever));
  std::vector<std::vector<size_t>> from(kMaxSteps + 1, std::vector<size_t>(m + 1));
  for (size_t to = shortest; to <= m; ++to) least[0][to] = cost(0, to);
  std::vector<Fit> fits;
  for (size_t k = 1; k <= kMaxSteps; ++k) {
    for (size_t to = (k + 1) * shortest; to <= m; ++to) {
      for (size_t cut = k * shortest; cut + shortest <= to; ++cut) {
        const double total = least[k - 1][cut] + cost(cut, to);
        if (total < least[k][to]) {
          least[k][to] = total;
          from[k][to] = cut;
        }
      }
    }
    if (least[k][m] == kNever) break;
    Column fitted(m);
    std::vector<double> steps;
    size_t end = m;
    for (size_t left = k + 1; left-- > 0;) {
      const size_t begin = left == 0 ? 0 : from[left][end];
      const size_t first = begin == 0 ? 0 : begin + 1;
      const double level = (sum[end] - sum[first]) / static_cast<double>(end - first);
      std::fill(fitted.begin() + begin, fitted.begin() + end, level);
      if (begin > 0) {
        fitted[begin] = bins.y[begin];
        steps.push_back(bins.x[begin]);
      }
      end = begin;
    }
    std::reverse(steps.begin(), steps.end());
    Fit fit = fit_of_curve(bins, GrowthModel::kSteps, 2 * k + 1, k, std::move(fitted));
    fit.shape = steps.back();
    fit.steps = std::move(steps);
    fits.push_back(std::move(fit));
  }
  return fits;
}

}  // namespace

Fit fit_of_curve(const Bins& bins, GrowthModel model, size_t linear, size_t shapes,
                 std::vector<double> fitted) {
  Fit fit;
  fit.model = model;
  fit.parameters = linear + shapes;
  fit.residual.resize(bins.y.size());
  double squares = 0;
  for (size_t i = 0; i < bins.y.size(); ++i) {
    fit.residual[i] = bins.y[i] - fitted[i];
    squares += fit.residual[i] * fit.residual[i];
  }
  fit.fitted = std::move(fitted);
  const auto m = static_cast<double>(bins.y.size());
  fit.variance = squares / std::max(1.0, m - static_cast<double>(fit.parameters));
  fit.phi = std::max(0.0, lag_one(fit.residual, bins.index, linear));
  double innovations = 0;
  double determinant = 0;
  for (size_t i = 0; i < bins.y.size(); ++i) {
    const size_t gap = i == 0 ? 0 : bins.index[i] - bins.index[i - 1];
    const double carried = i == 0 ? 0 : std::pow(fit.phi, static_cast<double>(gap));
    const double e = fit.residual[i] - (i == 0 ? 0 : carried * fit.residual[i - 1]);
    const double share = (1 - carried * carried) / (1 - fit.phi * fit.phi);
    innovations += e * e / share;
    determinant += std::log(share);
  }
  // No noise at all would make every model certain: a billionth of the range is the least.
  const auto [low, high] = std::minmax_element(bins.y.begin(), bins.y.end());
  const double least = std::pow((*high - *low) * 1e-9, 2);
  const double variance = std::max(innovations / m, least);
  fit.bic = (variance > 0 ? m * std::log(variance) : 0) + determinant +
            static_cast<double>(fit.parameters + 1) * std::log(m);
  return fit;
}

Coefficients least_squares(const std::vector<Column>& columns, const Column& y) {
  const size_t p = columns.size();
  std::vector<Column> q = columns;
  std::vector<Column> r(p, Column(p));
  Column projected(p);
  Column rest = y;
  for (size_t j = 0; j < p; ++j) {
    const double before = dot(q[j], q[j]);
    for (size_t i = 0; i < j; ++i) {
      r[i][j] = dot(q[i], q[j]);
      for (size_t k = 0; k < y.size(); ++k) q[j][k] -= r[i][j] * q[i][k];
    }
    const double norm = std::sqrt(dot(q[j], q[j]));
    if (norm * norm <= 1e-20 * before) {
      std::fill(q[j].begin(), q[j].end(), 0.0);
      continue;
    }
    r[j][j] = norm;
    for (double& value : q[j]) value /= norm;
    projected[j] = dot(q[j], rest);
    for (size_t k = 0; k < y.size(); ++k) rest[k] -= projected[j] * q[j][k];
  }
  Coefficients found{Column(p), Column(p)};
  std::vector<Column> inverse(p, Column(p));  // of the triangular factor
  for (size_t j = p; j-- > 0;) {
    if (r[j][j] == 0) continue;
    double value = projected[j];
    for (size_t k = j + 1; k < p; ++k) value -= r[j][k] * found.value[k];
    found.value[j] = value / r[j][j];
    inverse[j][j] = 1 / r[j][j];
    for (size_t k = j + 1; k < p; ++k) {
      double sum = 0;
      for (size_t l = j + 1; l <= k; ++l) sum += r[j][l] * inverse[l][k];
      inverse[j][k] = -sum / r[j][j];
    }
    found.variance[j] = dot(inverse[j], inverse[j]);
  }
  return found;
}

std::vector<Fit> fit_models(const Bins& bins) {
  const size_t m = bins.y.size();
  const Column one = ones(m);
  const Column line = of_x(bins, [](double x) { return x; });
  const auto decay = [&](double tau) {
    return of_x(bins, [tau](double x) { return std::exp(-x / tau); });
  };
  // Where bins are means of several samples, a step falls into one: that bin is fitted by itself.
  const auto step = [&](double at) {
    return of_x(bins, [at](double x) { return x > at ? 1.0 : 0.0; });
  };
  const auto bin_at = [&](double at) {
    return of_x(bins, [at](double x) { return x == at ? 1.0 : 0.0; });
  };
  using Columns = std::vector<Column>;
  std::vector<Fit> fits;
  fits.push_back(best_shape(
      bins, {GrowthModel::kConstant, [&](double) { return Columns{one}; }, kNoSlope, 0}, {0}, 0));
  fits.push_back(best_shape(bins,
                            {GrowthModel::kLinear,
                             [&](double) {
                               return Columns{one, line};
                             },
                             1, 0},
                            {0}, 0));
  fits.push_back(best_shape(bins,
                            {GrowthModel::kSaturation,
                             [&](double tau) {
                               return Columns{one, decay(tau)};
                             },
                             kNoSlope, 1},
                            ratios(0.01, 1, 20), 5));
  fits.push_back(best_shape(bins,
                            {GrowthModel::kWarmUpLinear,
                             [&](double tau) {
                               return Columns{one, decay(tau), line};
                             },
                             2, 1},
                            ratios(0.005, 0.25, 14), 5));
  fits.push_back(
      best_shape(bins,
                 {GrowthModel::kFillThenFlat,
                  [&](double knee) {
                    return Columns{one, of_x(bins, [knee](double x) { return std::min(x, knee); })};
                  },
                  kNoSlope, 1},
                 even(0.04, 0.92, 30), 5));
  fits.push_back(best_shape(
      bins,
      {GrowthModel::kFlatThenLinear,
       [&](double knee) {
         return Columns{one, of_x(bins, [knee](double x) { return std::max(x - knee, 0.0); })};
       },
       1, 1},
      even(0.06, 0.92, 30), 5));
  fits.push_back(best_shape(bins,
                            {GrowthModel::kStepAndLinear,
                             [&](double at) {
                               return Columns{one, step(at), line, bin_at(at)};
                             },
                             2, 1},
                            {bins.x.begin() + 2, bins.x.end() - 3}, 0));
  fits.push_back(
      best_shape(bins,
                 {GrowthModel::kLogarithm,
                  [&](double c) {
                    return Columns{one, of_x(bins, [c](double x) { return std::log1p(x / c); })};
                  },
                  kNoSlope, 1},
                 ratios(0.002, 0.5, 14), 4));
  for (Fit& fit : fit_steps(bins)) fits.push_back(std::move(fit));
  return fits;
}

}  // namespace mla
