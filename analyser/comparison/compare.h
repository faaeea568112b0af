// Which configurations of a benchmark differ from the baseline, and which is worth having. Pure.
//
// Every comparison is of runs of the same round: a machine that is slow for a while is slow for
// both. What is compared is the logarithm of the ratio, told as a relative difference (-0.4: 40 %
// less). A configuration is better or worse only if both
//   * the bootstrap interval of the median (95 %) and
//   * Student's interval of the mean, at 95 % for all comparisons of the benchmark together
//     (Bonferroni: 1 - 0.05 / comparisons),
// lie beyond the margin. The bootstrap alone cannot allow for many comparisons: of 7 values it has
// nothing to say beyond the smallest and the largest. Fewer than kLeastRounds pairs never decide:
// a program whose memory takes one of two values by chance gives the same difference 4 times over
// in 1 of 128 cases.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "comparison/benchmark.h"
#include "comparison/interval.h"

namespace mla {

inline constexpr size_t kLeastRounds = 5;
inline constexpr double kConfidence = 0.95;

// Relative to the baseline: 0 is no difference, -0.5 half, +1 twice.
struct Difference {
  size_t pairs = 0;
  double median = kNotMeasured;
  Interval bootstrap;  // of this difference alone
  Interval adjusted;   // holds for all comparisons of the benchmark together
};

struct Estimate {
  size_t runs = 0;
  double median = kNotMeasured;          // in the unit of the measure
  std::optional<Difference> difference;  // empty: the baseline itself, or no pair
};

enum class Verdict : uint8_t {
  kNone,          // the baseline, or nothing to compare
  kTooFewRounds,  // fewer than kLeastRounds pairs
  kBetter,
  kWorse,
  kNoDifference,  // the difference lies within the margin
  kNotShown,      // no difference is shown, but one beyond the margin is possible
};

struct Judged {
  std::array<Estimate, kMeasureCount> estimates;
  Verdict memory = Verdict::kNone;
  Verdict time = Verdict::kNone;
  bool pareto = false;  // no other has less memory and takes less time
  const Estimate& of(Measure m) const { return estimates[static_cast<size_t>(m)]; }
};

enum class Gain : uint8_t { kNone, kMemory, kTime };

struct Comparison {
  std::vector<Judged> configurations;  // as in the benchmark
  size_t comparisons = 0;              // that the adjusted intervals allow for
  // What to take: the largest gain of memory that costs no more time than max_cost; where no
  // memory is gained, of time that costs no more memory than max_cost.
  Gain gain = Gain::kNone;
  std::optional<size_t> recommended;
  // What of the Pareto front gains memory for more time than max_cost, the largest gain first.
  std::vector<size_t> trade_offs;
};

Comparison compare(const Benchmark& benchmark);

// Whether further rounds would change little: every difference that is judged is known to half the
// margin either way, from at least kLeastRounds pairs.
bool intervals_are_tight(const Benchmark& benchmark);

// Rounds in which both the baseline and this configuration ran: log(ratio to the baseline).
std::vector<double> log_ratios(const Benchmark& benchmark, size_t configuration, Measure measure);

}  // namespace mla
