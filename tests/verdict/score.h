// How often the verdict is right on labelled series.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "verdict/verdict.h"

namespace mla {

struct Score {
  size_t healthy = 0;
  size_t false_positives = 0;  // healthy series called leaks
  size_t leaks = 0;
  size_t found = 0;
  size_t leaks_at_twice = 0;  // of twice the detectable rate
  size_t found_at_twice = 0;
  size_t all_clear = 0;             // leaks called anything but leak or insufficient
  size_t left_open = 0;             // insufficient, of all
  size_t wrong_class = 0;           // of healthy series: neither right nor insufficient
  double brier = 0;                 // sum of squared errors of the probability
  std::vector<double> rate_errors;  // relative, of the leaks found at twice the detectable rate

  size_t all() const { return healthy + leaks; }
  void add(const Score& other);
};

enum class Judge { kStatistical, kFounding };

// `count` series of the family from `seed`; of leaks half have twice the detectable rate, a quarter
// four times, a quarter ten times.
Score score_family(size_t family, uint64_t seed, size_t count, Judge judge);

}  // namespace mla
