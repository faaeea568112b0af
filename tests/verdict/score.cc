#include "score.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "families.h"
#include "series/founding.h"

namespace mla {
namespace {

struct Answer {
  VerdictClass verdict = VerdictClass::kInsufficient;
  double probability = 0.5;
  double rate_Bph = 0;
};

// The founding rule knows no class but leak and none, and no probability; samples in MiB, as
// `mla leaks --rule founding` has them.
Answer founding_answer(const LabelledSeries& series) {
  std::vector<double> mib = series.bytes;
  for (double& value : mib) value /= 1024.0 * 1024.0;
  const FoundingResult result = founding_rule(mib);
  if (result.validity != FoundingValidity::kValid) return {};
  const double hours = (series.t_s.back() - series.t_s.front()) / kSecondsPerHour;
  return {result.notify ? VerdictClass::kLeak : VerdictClass::kStable, result.notify ? 1.0 : 0.0,
          result.peak_value * 1024 * 1024 * static_cast<double>(mib.size() - 1) / hours};
}

Answer statistical_answer(const LabelledSeries& series) {
  const SeriesVerdict v = series_verdict(series.t_s, series.bytes, series.rss);
  return {v.verdict, v.probability, v.rate.value};
}

}  // namespace

void Score::add(const Score& other) {
  healthy += other.healthy;
  false_positives += other.false_positives;
  leaks += other.leaks;
  found += other.found;
  leaks_at_twice += other.leaks_at_twice;
  found_at_twice += other.found_at_twice;
  all_clear += other.all_clear;
  left_open += other.left_open;
  wrong_class += other.wrong_class;
  brier += other.brier;
  rate_errors.insert(rate_errors.end(), other.rate_errors.begin(), other.rate_errors.end());
}

Score score_family(size_t family, uint64_t seed, size_t count, Judge judge) {
  constexpr std::array<double, 4> kTimes{2, 4, 2, 10};
  const std::vector<std::string>& right = families()[family].right;
  Score score;
  for (size_t i = 0; i < count; ++i) {
    const LabelledSeries series = make_series(family, seed, i, kTimes[i % kTimes.size()]);
    const Answer answer =
        judge == Judge::kFounding ? founding_answer(series) : statistical_answer(series);
    const bool called = answer.verdict == VerdictClass::kLeak;
    const bool open = answer.verdict == VerdictClass::kInsufficient;
    score.left_open += open ? 1 : 0;
    score.brier += std::pow(answer.probability - (series.leaks ? 1 : 0), 2);
    if (!series.leaks) {
      ++score.healthy;
      score.false_positives += called ? 1 : 0;
      score.wrong_class +=
          open || std::find(right.begin(), right.end(), verdict_name(answer.verdict)) != right.end()
              ? 0
              : 1;
      continue;
    }
    ++score.leaks;
    score.found += called ? 1 : 0;
    score.all_clear += called || open ? 0 : 1;
    if (series.times_detectable != 2) continue;
    ++score.leaks_at_twice;
    score.found_at_twice += called ? 1 : 0;
    if (called) {
      score.rate_errors.push_back(std::abs(answer.rate_Bph / series.rate_Bph - 1));
    }
  }
  return score;
}

}  // namespace mla
