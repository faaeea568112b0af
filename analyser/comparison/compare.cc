#include "comparison/compare.h"

#include <algorithm>
#include <cmath>

namespace mla {
namespace {

bool has_figures(const BenchConfiguration& configuration) {
  return !configuration.void_figures &&
         std::any_of(configuration.runs.begin(), configuration.runs.end(),
                     [](const std::optional<BenchRun>& run) { return run.has_value(); });
}

double relative(double log_ratio) { return std::expm1(log_ratio); }

Interval relative(const Interval& logs) { return {relative(logs.low), relative(logs.high)}; }

// Memory, CPU and wall time are better when smaller; so is the metric once it is turned over.
bool lower_is_better(const Benchmark& benchmark, Measure measure) {
  return measure != Measure::kMetric || !benchmark.higher_metric_is_better;
}

// A relative difference as a cost: above 0 is worse.
double cost(const Benchmark& benchmark, Measure measure, double difference) {
  return lower_is_better(benchmark, measure) ? difference : -difference / (1 + difference);
}

class Comparer {
 public:
  explicit Comparer(const Benchmark& benchmark) : benchmark_(benchmark) {
    for (size_t i = 1; i < benchmark.configurations.size(); ++i) {
      // Of each its memory and its time are judged.
      if (has_figures(benchmark.configurations[i])) result_.comparisons += 2;
    }
  }

  Comparison compare() {
    result_.configurations.resize(benchmark_.configurations.size());
    for (size_t i = 0; i < result_.configurations.size(); ++i) judge(i);
    mark_pareto();
    recommend();
    return std::move(result_);
  }

 private:
  bool is_candidate(size_t i) const {
    return i != 0 && !benchmark_.configurations[i].records &&
           has_figures(benchmark_.configurations[i]);
  }

  void judge(size_t i) {
    Judged& judged = result_.configurations[i];
    if (!has_figures(benchmark_.configurations[i])) return;
    for (size_t m = 0; m < kMeasureCount; ++m) {
      judged.estimates[m] = estimate(i, static_cast<Measure>(m));
    }
    judged.memory = verdict(judged, benchmark_.judged_memory);
    judged.time = verdict(judged, benchmark_.judged_time);
  }

  Estimate estimate(size_t i, Measure measure) const {
    Estimate estimate;
    std::vector<double> values;
    for (const std::optional<BenchRun>& run : benchmark_.configurations[i].runs) {
      if (run && std::isfinite((*run)[measure])) values.push_back((*run)[measure]);
    }
    estimate.runs = values.size();
    estimate.median = median(values);
    const std::vector<double> logs = log_ratios(benchmark_, i, measure);
    if (i == 0 || logs.empty()) return estimate;
    const double adjusted = 1 - (1 - kConfidence) / static_cast<double>(result_.comparisons);
    Difference difference;
    difference.pairs = logs.size();
    difference.median = relative(median(logs));
    difference.bootstrap = relative(bootstrap_median_interval(logs, kConfidence, benchmark_.seed));
    difference.adjusted = relative(student_interval(logs, adjusted));
    estimate.difference = difference;
    return estimate;
  }

  Verdict verdict(const Judged& judged, Measure measure) const {
    const std::optional<Difference>& difference = judged.of(measure).difference;
    if (!difference) return Verdict::kNone;
    if (difference->pairs < kLeastRounds) return Verdict::kTooFewRounds;
    const double low = std::min(difference->bootstrap.low, difference->adjusted.low);
    const double high = std::max(difference->bootstrap.high, difference->adjusted.high);
    const bool lower = lower_is_better(benchmark_, measure);
    if (high < -benchmark_.margin) return lower ? Verdict::kBetter : Verdict::kWorse;
    if (low > benchmark_.margin) return lower ? Verdict::kWorse : Verdict::kBetter;
    const bool within = low >= -benchmark_.margin && high <= benchmark_.margin;
    return within ? Verdict::kNoDifference : Verdict::kNotShown;
  }

  // Memory and time of a configuration as costs; the baseline's are 0. Empty: not comparable.
  std::optional<std::array<double, 2>> costs(size_t i) const {
    std::array<double, 2> both{};
    if (i == 0) return both;
    if (!is_candidate(i)) return std::nullopt;
    const std::array<Measure, 2> measures{benchmark_.judged_memory, benchmark_.judged_time};
    for (size_t m = 0; m < 2; ++m) {
      const auto& difference = result_.configurations[i].of(measures[m]).difference;
      if (!difference) return std::nullopt;
      both[m] = cost(benchmark_, measures[m], difference->median);
    }
    return both;
  }

  void mark_pareto() {
    std::vector<std::optional<std::array<double, 2>>> all;
    for (size_t i = 0; i < result_.configurations.size(); ++i) all.push_back(costs(i));
    if (std::count_if(all.begin(), all.end(), [](const auto& c) { return c.has_value(); }) < 2) {
      return;
    }
    for (size_t i = 0; i < all.size(); ++i) {
      if (!all[i]) continue;
      const auto& mine = *all[i];
      result_.configurations[i].pareto =
          std::none_of(all.begin(), all.end(), [&mine](const auto& other) {
            return other && (*other)[0] <= mine[0] && (*other)[1] <= mine[1] && *other != mine;
          });
    }
  }

  // The candidate whose cost in `gain` is lowest among those that are better in it and whose cost
  // in `other` is at most `most`.
  std::optional<size_t> best(Gain gain, double most) const {
    const size_t mine = gain == Gain::kMemory ? 0 : 1;
    std::optional<size_t> found;
    for (size_t i = 1; i < result_.configurations.size(); ++i) {
      const Judged& judged = result_.configurations[i];
      const Verdict verdict = gain == Gain::kMemory ? judged.memory : judged.time;
      const auto both = costs(i);
      if (verdict != Verdict::kBetter || !both || (*both)[1 - mine] > most) continue;
      if (!found || (*both)[mine] < (*costs(*found))[mine]) found = i;
    }
    return found;
  }

  void recommend() {
    for (size_t i = 1; i < result_.configurations.size(); ++i) {
      const Judged& judged = result_.configurations[i];
      const bool gains = judged.pareto && judged.memory == Verdict::kBetter;
      if (gains && (*costs(i))[1] > benchmark_.max_cost) result_.trade_offs.push_back(i);
    }
    std::sort(result_.trade_offs.begin(), result_.trade_offs.end(),
              [this](size_t a, size_t b) { return (*costs(a))[0] < (*costs(b))[0]; });
    for (const Gain gain : {Gain::kMemory, Gain::kTime}) {
      result_.recommended = best(gain, benchmark_.max_cost);
      if (!result_.recommended) continue;
      result_.gain = gain;
      return;
    }
  }

  const Benchmark& benchmark_;
  Comparison result_;
};

bool is_tight(const std::vector<double>& logs, const Benchmark& benchmark) {
  if (logs.size() < kLeastRounds) return false;
  const Interval interval = relative(bootstrap_median_interval(logs, kConfidence, benchmark.seed));
  return interval.high - interval.low <= benchmark.margin;
}

}  // namespace

std::vector<double> log_ratios(const Benchmark& benchmark, size_t configuration, Measure measure) {
  std::vector<double> logs;
  const auto& ours = benchmark.configurations[configuration].runs;
  const auto& baseline = benchmark.configurations.front().runs;
  if (benchmark.configurations.front().void_figures) return logs;
  for (size_t round = 0; round < std::min(ours.size(), baseline.size()); ++round) {
    if (!ours[round] || !baseline[round]) continue;
    const double value = (*ours[round])[measure];
    const double base = (*baseline[round])[measure];
    // The measures are positive; a 0 is a clock that did not advance, and has no ratio.
    if (value > 0 && base > 0) logs.push_back(std::log(value / base));
  }
  return logs;
}

Comparison compare(const Benchmark& benchmark) { return Comparer(benchmark).compare(); }

bool intervals_are_tight(const Benchmark& benchmark) {
  for (size_t i = 1; i < benchmark.configurations.size(); ++i) {
    // What has failed will not improve.
    if (!benchmark.configurations[i].problem.empty()) continue;
    for (const Measure measure : {benchmark.judged_memory, benchmark.judged_time}) {
      if (!is_tight(log_ratios(benchmark, i, measure), benchmark)) return false;
    }
  }
  return true;
}

}  // namespace mla
