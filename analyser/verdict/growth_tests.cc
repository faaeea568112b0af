#include "verdict/growth_tests.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace mla {
namespace {

constexpr double kLeastLate = 0.25;  // growth of the last third over that of the middle one
constexpr double kAllowance = 1;     // standard errors

// Mean of the bins with x in [from, to); 0 when there is none.
double mean_between(const Bins& bins, const std::vector<double>& values, double from, double to,
                    bool& any) {
  double sum = 0;
  size_t count = 0;
  for (size_t i = 0; i < bins.x.size(); ++i) {
    if (bins.x[i] < from || bins.x[i] >= to) continue;
    sum += values[i];
    ++count;
  }
  any = any && count > 0;
  return count == 0 ? 0 : sum / static_cast<double>(count);
}

// The part `which` of `parts` equal ones of [begin, end].
double part_mean(const Bins& bins, const std::vector<double>& values, double begin, double end,
                 size_t which, size_t parts, bool& any) {
  const double width = (end - begin) / static_cast<double>(parts);
  const double from = begin + width * static_cast<double>(which);
  return mean_between(bins, values, from, which + 1 == parts ? end + 1e-9 : from + width, any);
}

}  // namespace

Drift drift_test(const Bins& bins, size_t blocks) {
  Drift drift;
  bool any = true;
  std::vector<double> increments;
  double before = 0;
  double first_x = 0;
  double last_x = 0;
  for (size_t b = 0; b < blocks; ++b) {
    const double mean = part_mean(bins, bins.y, 0, 1, b, blocks, any);
    if (b > 0) increments.push_back(mean - before);
    before = mean;
    last_x = part_mean(bins, bins.x, 0, 1, b, blocks, any);
    if (b == 0) first_x = last_x;
  }
  if (!any || increments.size() < 5) return drift;
  const auto n = static_cast<double>(increments.size());
  double mean = 0;
  for (const double d : increments) mean += d / n;
  double squares = 0;
  for (const double d : increments) squares += (d - mean) * (d - mean);
  const double error = std::sqrt(squares / (n - 1) / n);
  drift.blocks = increments.size();
  drift.per_window = mean * n / (last_x - first_x);
  drift.error = error * n / (last_x - first_x);
  drift.t = error > 0 ? mean / error : 0;
  const size_t third = increments.size() / 3;
  double late = 0;
  for (size_t i = increments.size() - third; i < increments.size(); ++i) {
    late += increments[i] / static_cast<double>(third);
  }
  drift.late_share = mean > 0 ? late / mean : 0;
  return drift;
}

bool still_growing(const Bins& bins, double begin, double end, double error_of_mean) {
  bool any = true;
  const auto part = [&](size_t which, size_t parts) {
    return part_mean(bins, bins.y, begin, end, which, parts, any);
  };
  const double middle = part(1, 3) - part(0, 3);
  const double late = part(2, 3) - part(1, 3);
  const double second_half = part(3, 4) - part(2, 4);
  const double first_half = part(1, 4) - part(0, 4);
  if (!any) return false;
  const double third_error = error_of_mean * std::sqrt(3 * 2.0);
  const double quarter_error = error_of_mean * std::sqrt(4 * 2.0);
  return late + kAllowance * third_error > kLeastLate * std::max(middle, 0.0) &&
         second_half + kAllowance * quarter_error > 0 &&
         first_half + kAllowance * quarter_error > 0;
}

Bins block_minima(const Bins& bins, size_t blocks) {
  Bins minima;
  minima.grid = blocks;
  minima.centre = bins.centre;
  for (size_t b = 0, i = 0; b < blocks; ++b) {
    const double end = static_cast<double>(b + 1) / static_cast<double>(blocks);
    if (i >= bins.x.size()) break;
    if (bins.x[i] > end) continue;
    size_t least = i;
    for (; i < bins.x.size() && (bins.x[i] <= end || b + 1 == blocks); ++i) {
      if (bins.lowest[i] < bins.lowest[least]) least = i;
    }
    minima.x.push_back(bins.x[least]);
    minima.y.push_back(bins.lowest[least]);
    minima.lowest.push_back(bins.lowest[least]);
    minima.index.push_back(b);
  }
  return minima;
}

}  // namespace mla
