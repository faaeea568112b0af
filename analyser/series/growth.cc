#include "series/growth.h"

#include <algorithm>

#include "series/least_squares.h"

namespace mla {
namespace {

constexpr double kNsPerSecond = 1e9;
constexpr double kMib = 1024.0 * 1024.0;

double live_mib(const TimelinePoint& point) {
  return static_cast<double>(point.live_bytes + point.mapped_bytes) / kMib;
}

}  // namespace

std::vector<SiteGrowth> site_growth(const Snapshot& snapshot) {
  std::vector<SiteGrowth> all;
  for (const SiteHistory& history : snapshot.history) {
    if (history.points.size() < 2) continue;
    const SiteHistoryPoint& first = history.points.front();
    const SiteHistoryPoint& last = history.points.back();
    if (first.t_ns >= last.t_ns) continue;
    std::vector<double> t;
    std::vector<double> bytes;
    for (const SiteHistoryPoint& point : history.points) {
      t.push_back(static_cast<double>(point.t_ns) / kNsPerSecond);
      bytes.push_back(static_cast<double>(point.live_bytes));
    }
    all.push_back({.site_index = history.site_index,
                   .rate_Bps = slope(t, bytes),
                   .growth_bytes = static_cast<int64_t>(last.live_bytes - first.live_bytes),
                   .first_ns = first.t_ns,
                   .last_ns = last.t_ns,
                   .points = history.points.size()});
  }
  std::stable_sort(all.begin(), all.end(), [](const SiteGrowth& a, const SiteGrowth& b) {
    return a.growth_bytes > b.growth_bytes;
  });
  return all;
}

GrowthSpan growth_span(const Snapshot& snapshot) {
  GrowthSpan span{snapshot.last_ns / 4, 0};
  for (const SiteHistory& history : snapshot.history) {
    if (!history.points.empty()) span.to_ns = std::max(span.to_ns, history.points.back().t_ns);
  }
  if (span.to_ns <= span.from_ns) span.to_ns = snapshot.last_ns;
  return span;
}

std::vector<std::optional<int64_t>> growth_after_start(const Snapshot& snapshot) {
  const uint64_t from_ns = growth_span(snapshot).from_ns;
  std::vector<std::optional<int64_t>> growth(snapshot.sites.size());
  for (const SiteHistory& history : snapshot.history) {
    const auto first =
        std::find_if(history.points.begin(), history.points.end(),
                     [from_ns](const SiteHistoryPoint& point) { return point.t_ns >= from_ns; });
    if (first == history.points.end() || history.site_index >= growth.size()) continue;
    const bool is_new = snapshot.sites[history.site_index].first_seen_ns > from_ns;
    const SiteHistoryPoint& last = history.points.back();
    if (!is_new && first->t_ns == last.t_ns) continue;
    growth[history.site_index] =
        static_cast<int64_t>(last.live_bytes - (is_new ? 0 : first->live_bytes));
  }
  return growth;
}

std::vector<double> live_mib_on_grid(const Snapshot& snapshot) {
  const std::vector<TimelinePoint>& points = snapshot.timeline;
  if (points.size() < 2 || points.front().t_ns >= points.back().t_ns) return {};
  const auto start = static_cast<double>(points.front().t_ns);
  const double step =
      (static_cast<double>(points.back().t_ns) - start) / static_cast<double>(points.size() - 1);
  std::vector<double> grid;
  size_t right = 1;
  for (size_t i = 0; i < points.size(); ++i) {
    const double t = start + step * static_cast<double>(i);
    while (right + 1 < points.size() && static_cast<double>(points[right].t_ns) < t) ++right;
    const TimelinePoint& before = points[right - 1];
    const TimelinePoint& after = points[right];
    const double width = static_cast<double>(after.t_ns) - static_cast<double>(before.t_ns);
    const double share =
        width > 0 ? std::clamp((t - static_cast<double>(before.t_ns)) / width, 0.0, 1.0) : 1;
    grid.push_back(live_mib(before) + share * (live_mib(after) - live_mib(before)));
  }
  return grid;
}

}  // namespace mla
