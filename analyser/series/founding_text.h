// The answer of the founding rule in the words of the founding tool.
#pragma once

#include <string>

#include "series/founding.h"

namespace mla {

// round(value, digits) as Python prints it: 0.00659, 1.0, 5e-05, nan.
std::string python_rounded(double value, int digits);

// Two lines, each with its line end, and a third when the result has an excess:
//   [Number of test data]: 100 [Peak Value]: 0.0011 [if_overshoot]: False -- 4 0.00659 -- 8
//   0.014815 [if_notify_wechat]: False [excess]: 0.25 [if_excess]: True
std::string founding_text(const FoundingResult& result);

// Why the series is invalid, in words; empty for a valid one.
std::string founding_objection(const FoundingResult& result, const FoundingThresholds& thresholds);

}  // namespace mla
