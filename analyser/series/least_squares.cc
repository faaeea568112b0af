#include "series/least_squares.h"

#include <cstddef>
#include <limits>

namespace mla {

double mean(std::span<const double> y) {
  if (y.empty()) return std::numeric_limits<double>::quiet_NaN();
  double sum = 0;
  for (const double v : y) sum += v;
  return sum / static_cast<double>(y.size());
}

double slope_per_sample(std::span<const double> y) {
  const double middle = (static_cast<double>(y.size()) - 1) / 2;
  const double level = mean(y);
  double sxy = 0;
  double sxx = 0;
  for (size_t i = 0; i < y.size(); ++i) {
    const double x = static_cast<double>(i) - middle;
    sxy += x * (y[i] - level);
    sxx += x * x;
  }
  return sxx > 0 ? sxy / sxx : 0;
}

double slope_per_sample_from_sums(std::span<const double> y) {
  double sx = 0;
  double sy = 0;
  double sxx = 0;
  double sxy = 0;
  for (size_t i = 0; i < y.size(); ++i) {
    const auto x = static_cast<double>(i);
    sx += x;
    sy += y[i];
    sxx += x * x;
    sxy += x * y[i];
  }
  const auto n = static_cast<double>(y.size());
  const double spread = n * sxx - sx * sx;
  return spread > 0 ? (n * sxy - sx * sy) / spread : 0;
}

double slope(std::span<const double> x, std::span<const double> y) {
  const double middle = mean(x);
  const double level = mean(y);
  double sxy = 0;
  double sxx = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    sxy += (x[i] - middle) * (y[i] - level);
    sxx += (x[i] - middle) * (x[i] - middle);
  }
  return sxx > 0 ? sxy / sxx : 0;
}

}  // namespace mla
