#include "verdict/autocorrelation.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace mla {
namespace {

// Mean product of residuals `lag` bins apart over the mean square.
double correlation(std::span<const double> on_grid, std::span<const char> known, size_t lag) {
  double products = 0;
  double squares = 0;
  size_t pairs = 0;
  size_t values = 0;
  for (size_t i = 0; i < on_grid.size(); ++i) {
    if (known[i] == 0) continue;
    squares += on_grid[i] * on_grid[i];
    ++values;
    if (i < lag || known[i - lag] == 0) continue;
    products += on_grid[i] * on_grid[i - lag];
    ++pairs;
  }
  if (pairs == 0 || squares <= 0) return 0;
  // Missing pairs are made up for; the sum over n - lag pairs is otherwise left as it is, over n
  // squares: that keeps the sequence positive definite.
  const double due = static_cast<double>(values) *
                     (1 - static_cast<double>(lag) / static_cast<double>(on_grid.size()));
  return products * std::max(1.0, due / static_cast<double>(pairs)) / squares;
}

struct OnGrid {
  std::vector<double> value;
  std::vector<char> known;
};

OnGrid on_grid(std::span<const double> residual, std::span<const size_t> index) {
  OnGrid grid;
  if (index.empty()) return grid;
  grid.value.resize(index.back() + 1);
  grid.known.resize(index.back() + 1);
  for (size_t i = 0; i < index.size(); ++i) {
    grid.value[index[i]] = residual[i];
    grid.known[index[i]] = 1;
  }
  return grid;
}

double corrected(double r, size_t m, size_t parameters) {
  const auto n = static_cast<double>(m);
  const auto p = static_cast<double>(parameters);
  if (n <= p + 3) return 0.995;
  return std::clamp((r * n + p) / (n - p - 2), -0.5, 0.995);
}

}  // namespace

double lag_one(std::span<const double> residual, std::span<const size_t> index, size_t parameters) {
  const OnGrid grid = on_grid(residual, index);
  return corrected(correlation(grid.value, grid.known, 1), residual.size(), parameters);
}

double autocorrelation_time(std::span<const double> residual, std::span<const size_t> index,
                            size_t parameters) {
  const OnGrid grid = on_grid(residual, index);
  const auto m = static_cast<double>(residual.size());
  const double phi = corrected(correlation(grid.value, grid.known, 1), residual.size(), parameters);
  const double first_order = std::max(1.0, (1 + phi) / (1 - phi));
  const double bias = std::min(first_order, std::sqrt(m)) * static_cast<double>(parameters) / m;
  double tau = 1;
  const size_t furthest = grid.value.size() / 2;
  for (size_t lag = 1; lag <= furthest && static_cast<double>(lag) <= 5 * tau; ++lag) {
    tau += 2 * (correlation(grid.value, grid.known, lag) + bias);
  }
  return std::max(first_order, tau);
}

}  // namespace mla
