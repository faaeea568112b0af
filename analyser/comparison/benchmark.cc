#include "comparison/benchmark.h"

namespace mla {
namespace {

constexpr std::array<const char*, kMeasureCount> kNames{"peak", "steady", "idle",  "integral",
                                                        "cpu",  "wall",   "metric"};

}  // namespace

const char* measure_name(Measure measure) { return kNames[static_cast<size_t>(measure)]; }

std::optional<Measure> measure_of(const std::string& name) {
  for (size_t i = 0; i < kNames.size(); ++i) {
    if (name == kNames[i]) return static_cast<Measure>(i);
  }
  return std::nullopt;
}

}  // namespace mla
