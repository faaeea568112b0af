#include "verdict/busy_window.h"

#include <algorithm>
#include <span>

namespace mla {
namespace {

constexpr double kIdleShare = 0.005;   // of the allocations
constexpr double kLongIdle = 0.2;      // of the time
constexpr double kStartUp = 0.1;       // of the time: what happened before a pause was a start-up,
constexpr double kLeastAfter = 0.1;    // with so much of the allocations after it
constexpr double kEarnestAfter = 0.5;  // of the allocations, whatever was before
constexpr size_t kFewestPoints = 2;

using Points = std::span<const TimelinePoint>;

double share(uint64_t part, uint64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

Points without_idle_end(Points points) {
  const auto all = static_cast<double>(points.back().alloc_count);
  const auto last = std::find_if(points.begin(), points.end(), [all](const TimelinePoint& point) {
    return static_cast<double>(point.alloc_count) >= all * (1 - kIdleShare);
  });
  return points.first(static_cast<size_t>(last - points.begin()) + 1);
}

struct Stretch {
  size_t begin = 0;
  size_t end = 0;  // index of its last point
};

// The longest stretch with so few allocations.
Stretch longest_idle(Points points, double allocations) {
  Stretch longest;
  uint64_t longest_ns = 0;
  size_t begin = 0;
  for (size_t end = 1; end < points.size(); ++end) {
    const auto made = [&] {
      return static_cast<double>(points[end].alloc_count) -
             static_cast<double>(points[begin].alloc_count);
    };
    while (begin < end && made() > allocations) ++begin;
    if (points[end].t_ns - points[begin].t_ns <= longest_ns) continue;
    longest_ns = points[end].t_ns - points[begin].t_ns;
    longest = {begin, end};
  }
  return longest;
}

}  // namespace

WorkWindow known_stretch(const Snapshot& snapshot) {
  const SamplingInfo& sampling = snapshot.sampling;
  if (!sampling.was_off()) return {0, snapshot.last_ns};
  if (!sampling.is_off()) {
    return {sampling.off_end_ns, std::max(snapshot.last_ns, sampling.off_end_ns)};
  }
  // Where an earlier time ended is not known.
  return {0, sampling.off_begin_ns == sampling.off_first_ns ? sampling.off_begin_ns : 0};
}

WorkWindow work_window(const Snapshot& snapshot) {
  Points points(snapshot.timeline);
  if (snapshot.sampling.was_off()) {
    const WorkWindow known = known_stretch(snapshot);
    const auto before = [](const TimelinePoint& point, uint64_t t_ns) { return point.t_ns < t_ns; };
    const auto begin = std::lower_bound(points.begin(), points.end(), known.begin_ns, before);
    const auto end = std::lower_bound(begin, points.end(), known.end_ns + 1, before);
    points = {begin, end};
  }
  if (points.empty()) return {};
  points = without_idle_end(points);
  while (points.size() > kFewestPoints) {
    const uint64_t made = points.back().alloc_count - points.front().alloc_count;
    const uint64_t time = points.back().t_ns - points.front().t_ns;
    const Stretch idle = longest_idle(points, static_cast<double>(made) * kIdleShare);
    const TimelinePoint& from = points[idle.begin];
    const TimelinePoint& to = points[idle.end];
    if (share(to.t_ns - from.t_ns, time) < kLongIdle) break;
    const double after = share(points.back().alloc_count - to.alloc_count, made);
    const bool start_up = share(from.t_ns - points.front().t_ns, time) <= kStartUp;
    if (after < (start_up ? kLeastAfter : kEarnestAfter)) break;
    points = points.subspan(idle.end);
  }
  return {points.front().t_ns, points.back().t_ns};
}

}  // namespace mla
