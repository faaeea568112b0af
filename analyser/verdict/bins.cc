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

// Median of the samples around i; at the ends, where these are on one side, moved on by the usual
// change from sample to sample, else a trend would be taken for a spike.
double running_median(std::span<const double> values, size_t i, double change) {
  const size_t first = i < kReach ? 0 : i - kReach;
  const size_t last = std::min(i + kReach + 1, values.size());
  std::array<double, 2 * kReach + 1> around{};
  const auto end = std::copy(values.begin() + first, values.begin() + last, around.begin());
  const size_t count = last - first;
  const auto middle = around.begin() + count / 2;
  std::nth_element(around.begin(), middle, end);
  const double centre = static_cast<double>(first) + static_cast<double>(count - 1) / 2;
  return *middle + change * (static_cast<double>(i) - centre);
}

// Whether sample i of an end is off its neighbours and these are not off theirs as much: a steep
// begin is no spike.
bool alone(std::span<const double> values, size_t i, double limit) {
  const auto jump = [&](size_t from, size_t to) { return std::abs(values[to] - values[from]); };
  if (i == 0) return jump(0, 1) > limit && jump(1, 2) < jump(0, 1) / 3;
  const size_t n = values.size();
  if (i + 1 == n) return jump(n - 2, i) > limit && jump(n - 3, n - 2) < jump(n - 2, i) / 3;
  return jump(i - 1, i) > limit && jump(i, i + 1) > limit &&
         (values[i] - values[i - 1]) * (values[i] - values[i + 1]) > 0;
}

// The bin of time t. The last moment falls into the last bin.
size_t bin_of(double t, double begin, double width, size_t grid) {
  return std::min(static_cast<size_t>((t - begin) / width), grid - 1);
}

}  // namespace

std::vector<double> clip_spikes(std::span<const double> values) {
  std::vector<double> smooth(values.size());
  std::vector<double> distance(values.size());
  std::vector<double> changes;
  for (size_t i = 1; i < values.size(); ++i) changes.push_back(values[i] - values[i - 1]);
  const double change = median(changes);
  for (size_t i = 0; i < values.size(); ++i) {
    smooth[i] = running_median(values, i, change);
    distance[i] = std::abs(values[i] - smooth[i]);
  }
  // Of coarsely quantised values most distances are 0; what one sample in ten does is no spike.
  std::vector<double> sorted = distance;
  const auto often = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() * 9 / 10);
  std::nth_element(sorted.begin(), often, sorted.end());
  const double limit = kSpike * std::max(kMadToSigma * median(distance), *often / 2);
  std::vector<double> clipped(values.begin(), values.end());
  for (size_t i = 0; i < values.size(); ++i) {
    const bool middle = i >= kReach && i + kReach < values.size();
    if (distance[i] > limit && (middle || alone(values, i, limit))) clipped[i] = smooth[i];
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
