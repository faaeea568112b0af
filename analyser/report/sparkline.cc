#include "report/sparkline.h"

#include <algorithm>
#include <cmath>

namespace mla {

std::string sparkline(const std::vector<CurvePoint>& points, uint64_t end_ns, uint64_t top,
                      size_t width, bool utf8) {
  static constexpr const char* kBlocks[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  static constexpr const char* kAscii[] = {" ", "_", ".", ",", "-", "=", "+", "*", "#"};
  std::string line;
  uint64_t held = 0;
  auto next = points.begin();
  for (size_t cell = 1; cell <= width; ++cell) {
    const auto cell_end = static_cast<uint64_t>(
        static_cast<double>(end_ns) * static_cast<double>(cell) / static_cast<double>(width));
    uint64_t highest = 0;
    bool any = false;
    for (; next != points.end() && (next->t_ns <= cell_end || cell == width); ++next) {
      highest = any ? std::max(highest, next->value) : next->value;
      held = next->value;
      any = true;
    }
    const double share =
        top == 0 ? 0 : static_cast<double>(any ? highest : held) / static_cast<double>(top);
    const int level = share <= 0 ? 0 : static_cast<int>(std::clamp(std::lround(share * 8), 1L, 8L));
    line += utf8 ? kBlocks[level] : kAscii[level];
  }
  return line;
}

}  // namespace mla
