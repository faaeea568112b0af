// Memory against that of the day before, or of the release before: Excess_Ratio. Pure functions.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "history/records.h"

namespace mla {

// Mean bytes of a service by steps of the history's coarsest level, 15 minutes.
using Steps = std::map<int64_t, double>;

struct Compared {
  double mean_bytes = 0;
  double before_mean_bytes = 0;
  double ratio = 0;  // (mean - before) / before
  double hours = 0;  // compared
};

// Each step of `now` with the one `shift` steps earlier in `before`. Nothing while fewer than two
// hours are in both, or there was no memory before.
std::optional<Compared> compare_steps(const Steps& now, const Steps& before, int64_t shift);

// By how much to shift so that a release is compared with the one before it: at the same age where
// both were watched from their start, else the same hours of the day, the fewest days before that
// have two hours in common (0: none).
int64_t release_shift(const Steps& now, const Steps& before, bool from_start);

}  // namespace mla
