#include "comparison/interval.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

namespace mla {
namespace {

constexpr size_t kResamples = 10'000;
constexpr Interval kUnbounded{-std::numeric_limits<double>::infinity(),
                              std::numeric_limits<double>::infinity()};

// Reorders the values.
double median_of(std::vector<double>& values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 != 0) return *middle;
  return (*std::max_element(values.begin(), middle) + *middle) / 2;
}

// Continued fraction of the incomplete beta function by Lentz's method; Numerical Recipes, 3rd
// edition, 6.4.
double beta_fraction(double a, double b, double x) {
  constexpr double kTiny = 1e-300;
  const auto away_from_zero = [](double v) { return std::abs(v) < kTiny ? kTiny : v; };
  double c = 1;
  double d = 1 / away_from_zero(1 - (a + b) * x / (a + 1));
  double result = d;
  for (int m = 1; m <= 300; ++m) {
    const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / away_from_zero(1 + even * d);
    c = away_from_zero(1 + even / c);
    result *= d * c;
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / away_from_zero(1 + odd * d);
    c = away_from_zero(1 + odd / c);
    result *= d * c;
    if (std::abs(d * c - 1) < 1e-15) break;
  }
  return result;
}

double regularised_beta(double a, double b, double x) {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  const double front = std::exp(std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) +
                                a * std::log(x) + b * std::log1p(-x));
  // The fraction converges fast on one side of the mean only.
  if (x < (a + 1) / (a + b + 2)) return front * beta_fraction(a, b, x) / a;
  return 1 - front * beta_fraction(b, a, 1 - x) / b;
}

}  // namespace

double median(std::span<const double> values) {
  if (values.empty()) return std::numeric_limits<double>::quiet_NaN();
  std::vector<double> copy(values.begin(), values.end());
  return median_of(copy);
}

double student_tail(double t, double degrees_of_freedom) {
  return regularised_beta(degrees_of_freedom / 2, 0.5,
                          degrees_of_freedom / (degrees_of_freedom + t * t)) /
         2;
}

double student_t(double tail, double degrees_of_freedom) {
  double low = 0;
  double high = 1;
  while (student_tail(high, degrees_of_freedom) > tail && high < 1e100) high *= 2;
  for (int i = 0; i < 200 && high - low > 1e-12 * high; ++i) {
    const double middle = (low + high) / 2;
    (student_tail(middle, degrees_of_freedom) > tail ? low : high) = middle;
  }
  return high;
}

Interval bootstrap_median_interval(std::span<const double> values, double confidence,
                                   uint64_t seed) {
  const size_t n = values.size();
  if (n < 2) return kUnbounded;
  const auto count = static_cast<double>(n);
  const double t = student_t((1 - confidence) / 2, count - 1);
  const double tail = std::erfc(std::sqrt(count / (count - 1)) * t / std::sqrt(2.0)) / 2;

  std::mt19937_64 random(seed);
  std::vector<double> medians(kResamples);
  std::vector<double> resample(n);
  for (double& one : medians) {
    for (double& value : resample) value = values[(random() >> 32) * n >> 32];
    one = median_of(resample);
  }
  std::sort(medians.begin(), medians.end());
  const auto below = static_cast<size_t>(tail * static_cast<double>(kResamples));
  return {medians[below], medians[kResamples - 1 - below]};
}

Interval student_interval(std::span<const double> values, double confidence) {
  const size_t n = values.size();
  if (n < 2) return kUnbounded;
  const auto count = static_cast<double>(n);
  double mean = 0;
  for (const double value : values) mean += value / count;
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  const double error = std::sqrt(squares / (count - 1) / count);
  const double reach = error * student_t((1 - confidence) / 2, count - 1);
  return {mean - reach, mean + reach};
}

}  // namespace mla
