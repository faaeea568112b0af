// The answer of the founding rule in the words of the founding tool.
#pragma once

#include <string>

#include "series/founding.h"

namespace mla {

// round(value, digits) as Python prints it: 0.00659, 1.0, 5e-05, nan.
std::string python_rounded(double value, int digits);

// Two lines, each with its line end, and a third when the result has an excess:
//
//   [Number of test data]: N [Peak Value]: P [if_overshoot]: False -- 4 A -- 8 B
//   [if_notify_wechat]: False
//   [excess]: 0.25 [if_excess]: True
//
// where P is rounded to 4 decimals, A and B to 6.
std::string founding_text(const FoundingResult& result);

// Why the series is invalid, in words; empty for a valid one.
std::string founding_objection(const FoundingResult& result, const FoundingThresholds& thresholds);

}  // namespace mla
