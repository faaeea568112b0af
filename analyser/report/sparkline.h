// A curve in one line of text.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace mla {

struct CurvePoint {
  uint64_t t_ns = 0;
  uint64_t value = 0;
};

// `width` block characters from time 0 to `end_ns`, each the largest value of its share of the time
// (where no point falls into it, the value before it); full height is `top`. Points in time order.
// Without `utf8` the heights are characters of ASCII.
std::string sparkline(const std::vector<CurvePoint>& points, uint64_t end_ns, uint64_t top,
                      size_t width, bool utf8 = true);

}  // namespace mla
