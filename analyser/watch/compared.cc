#include "watch/compared.h"

namespace mla {
namespace {

constexpr int64_t kStepSeconds = 900;
constexpr int64_t kLeastSteps = 8;  // two hours
constexpr int64_t kStepsPerDay = 86400 / kStepSeconds;
constexpr int64_t kLongestGapDays = 14;

int64_t common_steps(const Steps& now, const Steps& before, int64_t shift) {
  int64_t common = 0;
  for (const auto& [step, bytes] : now) common += before.contains(step - shift) ? 1 : 0;
  return common;
}

}  // namespace

std::optional<Compared> compare_steps(const Steps& now, const Steps& before, int64_t shift) {
  double sum = 0;
  double before_sum = 0;
  int64_t common = 0;
  for (const auto& [step, bytes] : now) {
    const auto at = before.find(step - shift);
    if (at == before.end()) continue;
    sum += bytes;
    before_sum += at->second;
    ++common;
  }
  if (common < kLeastSteps || before_sum <= 0) return std::nullopt;
  const auto n = static_cast<double>(common);
  return Compared{sum / n, before_sum / n, (sum - before_sum) / before_sum,
                  n * kStepSeconds / 3600.0};
}

int64_t release_shift(const Steps& now, const Steps& before, bool from_start) {
  if (now.empty() || before.empty()) return 0;
  if (from_start) return now.begin()->first - before.begin()->first;
  for (int64_t days = 1; days <= kLongestGapDays; ++days) {
    if (common_steps(now, before, days * kStepsPerDay) >= kLeastSteps) return days * kStepsPerDay;
  }
  return 0;
}

}  // namespace mla
