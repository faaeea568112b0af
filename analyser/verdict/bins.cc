#include "verdict/bins.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "comparison/interval.h"

namespace mla {
namespace {

constexpr size_t kReach = 5;  // samples before and after, for the running median
constexpr double kMadToSigma = 1.4826;
constexpr double kSpike = 6;

double running_median(std::span<const double> values, size_t i) {
  const size_t first = i < kReach ? 0 : i - kReach;
  const size_t last = std::min(i + kReach + 1, values.size());
  std::array<double, 2 * kReach + 1> around{};
  const auto end = std::copy(values.begin() + first, values.begin() + last, around.begin());
  const auto middle = around.begin() + (last - first) / 2;
  std::nth_element(around.begin(), middle, end);
  return *middle;
}

// The bin of time t. The last moment falls into the last bin.
size_t bin_of(double t, double begin, double width, size_t grid) {
  return std::min(static_cast<size_t>((t - begin) / width), grid - 1);
}

}  // namespace

std::vector<double> clip_spikes(std::span<const double> values) {
  std::vector<double> smooth(values.size());
  std::vector<double> distance(values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    smooth[i] = running_median(values, i);
    distance[i] = std::abs(values[i] - smooth[i]);
  }
  // Of coarsely quantised values most distances are 0; what one sample in ten does is no spike.
  std::vector<double> sorted = distance;
  const auto often = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() * 9 / 10);
  std::nth_element(sorted.begin(), often, sorted.end());
  const double limit = kSpike * std::max(kMadToSigma * median(distance), *often / 2);
  std::vector<double> clipped(values.begin(), values.end());
  // The first and last samples have no neighbours on one side: a trend would be taken for a spike.
  for (size_t i = kReach; i + kReach < values.size(); ++i) {
    if (distance[i] > limit) clipped[i] = smooth[i];
  }
  return clipped;
}

Bins bin_series(std::span<const double> t, std::span<const double> values) {
  Bins bins;
  bins.centre = median(values);
  bins.grid = std::min(values.size(), kMaxBins);
  const double begin = t.front();
  const double width = (t.back() - begin) / static_cast<double>(bins.grid);
  double within = 0;
  size_t i = 0;
  while (i < values.size()) {
    const size_t bin = bin_of(t[i], begin, width, bins.grid);
    double sum = 0;
    double time = 0;
    double squares = 0;
    double lowest = values[i];
    size_t count = 0;
    for (; i < values.size() && bin_of(t[i], begin, width, bins.grid) == bin; ++i, ++count) {
      const double value = values[i] - bins.centre;
      sum += value;
      squares += value * value;
      time += t[i] - begin;
      lowest = std::min(lowest, values[i]);
    }
    const auto n = static_cast<double>(count);
    bins.x.push_back(time / n / (t.back() - begin));
    bins.y.push_back(sum / n);
    bins.index.push_back(bin);
    bins.lowest.push_back(lowest - bins.centre);
    within += std::max(0.0, squares - sum * sum / n);
  }
  const auto samples = static_cast<double>(values.size());
  bins.per_bin = samples / static_cast<double>(bins.y.size());
  bins.spread_within = within / samples;
  return bins;
}

}  // namespace mla
