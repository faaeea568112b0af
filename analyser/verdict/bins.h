// A series made ready for fits: spikes clipped, averaged into bins of equal time.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace mla {

// Bins hold at most so many times: fits cost the square of it, and averages of equal spans lose
// nothing of a slope (the mean of a span is a sufficient statistic for what is slow against it).
inline constexpr size_t kMaxBins = 160;

struct Bins {
  std::vector<double> x;       // middle, 0 at the begin and 1 at the end of the series
  std::vector<double> y;       // mean of the samples, in their unit, less `centre`
  std::vector<size_t> index;   // of the bin among all, also the empty ones; increasing
  std::vector<double> lowest;  // smallest sample, less `centre`
  size_t grid = 0;             // bins, with the empty ones
  double centre = 0;           // median of the samples: keeps digits when values are large
  double spread_within = 0;    // variance of samples about the mean of their bin, 0 if one each
  double per_bin = 1;          // samples a bin, on average
};

// Replaces samples that stand out of their neighbours: a value further than 6 robust standard
// deviations (1.4826 MAD) from the median of the 11 samples around it becomes that median (Hampel,
// JASA 69, 1974). Runs of up to 5 samples go; steps, drops of a sawtooth and trends stay. O(n).
std::vector<double> clip_spikes(std::span<const double> values);

// `t` increasing; as many values, at least 2.
Bins bin_series(std::span<const double> t, std::span<const double> values);

}  // namespace mla
