#include "history/steady_time.h"

#include <algorithm>
#include <cmath>

namespace mla {
namespace {

constexpr double kJumpSeconds = 2;  // smaller ones are corrections of a drift

}  // namespace

SteadyTime::SteadyTime(const std::optional<SteadyMark>& last, const ClockReading& now)
    : t_(now.wall_s), boot_s_(now.boot_s) {
  if (!last) return;
  offset_ = last->offset;
  const double since = now.boot_s - last->at.boot_s;
  if (now.boot_id == last->at.boot_id && since >= 0) {
    t_ = last->t + since;
  } else {
    t_ = std::max(last->t, now.wall_s - last->offset);
  }
}

std::optional<double> SteadyTime::take_jump(const ClockReading& now) {
  const double offset = now.wall_s - at(now.boot_s);
  const double by = offset - offset_;
  if (std::abs(by) <= kJumpSeconds) return std::nullopt;
  offset_ = offset;
  return by;
}

}  // namespace mla
