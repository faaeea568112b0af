#include "ledger/growth_of_live.h"

#include <algorithm>
#include <optional>
#include <vector>

namespace mla {

LiveGrowth growth_of_live(const Snapshot& snapshot) {
  constexpr size_t kParts = 6;
  constexpr size_t kFewestParts = 4;
  constexpr uint64_t kLeastBytes = 2 << 20;
  constexpr uint64_t kLeastShare = 10;
  struct Low {
    uint64_t t_ns;
    uint64_t live;
  };
  LiveGrowth growth;
  const bool with_mappings = snapshot.process.python_version.empty();
  const auto alive = [with_mappings](uint64_t heap, uint64_t mapped) {
    return heap + (with_mappings ? mapped : 0);
  };
  if (snapshot.timeline.size() < kFewestParts) return growth;
  const uint64_t work = snapshot.timeline.back().alloc_bytes;
  const uint64_t start = work / 4;
  const uint64_t part_bytes = (work - start) / kParts + 1;
  std::vector<std::optional<Low>> lows(kParts);
  for (const TimelinePoint& point : snapshot.timeline) {
    if (point.alloc_bytes < start || point.alloc_bytes > work) continue;
    const uint64_t live = alive(point.live_bytes, point.mapped_bytes);
    std::optional<Low>& low = lows[std::min((point.alloc_bytes - start) / part_bytes, kParts - 1)];
    if (!low || live < low->live) low = Low{point.t_ns, live};
  }
  std::erase(lows, std::nullopt);
  if (lows.size() < kFewestParts) return growth;
  const Low first = *lows.front();
  Low last = *lows.back();
  last.live = std::min(last.live, alive(snapshot.totals.live_bytes, snapshot.totals.mapped_bytes));
  if (last.live <= first.live) return growth;
  growth.bytes = last.live - first.live;
  growth.from_ns = first.t_ns;
  growth.to_ns = last.t_ns;
  uint64_t highest = first.live;
  uint64_t deepest_fall = 0;
  for (const std::optional<Low>& low : lows) {
    highest = std::max(highest, low->live);
    deepest_fall = std::max(deepest_fall, highest - low->live);
  }
  growth.growing = growth.bytes >= kLeastBytes && growth.bytes >= last.live / kLeastShare &&
                   deepest_fall <= growth.bytes / 4;
  return growth;
}

}  // namespace mla
