// One axis of time for the history that never goes back and never jumps, whatever the clock does.
#pragma once

#include <optional>
#include <string>

namespace mla {

// What the clocks say at one moment.
struct ClockReading {
  double boot_s = 0;    // CLOCK_BOOTTIME: also counts while the machine sleeps
  double wall_s = 0;    // Unix time: what a person or NTP may set
  std::string boot_id;  // /proc/sys/kernel/random/boot_id: of which boot boot_s is
};

// The axis as it was last seen, kept in the history.
struct SteadyMark {
  double t = 0;
  double offset = 0;  // wall - t
  ClockReading at;
};

// Steady time t, in seconds: Unix time when the history began, and from then on what
// CLOCK_BOOTTIME has counted. Across reboots the wall clock tells the distance, unless that would
// be backwards: then none.
class SteadyTime {
 public:
  SteadyTime(const std::optional<SteadyMark>& last, const ClockReading& now);

  double at(double boot_s) const { return t_ + (boot_s - boot_s_); }
  double offset() const { return offset_; }  // Unix time = t + offset
  // By how many seconds the wall clock was set since the last call, if by more than 2.
  std::optional<double> take_jump(const ClockReading& now);
  SteadyMark mark(const ClockReading& now) const { return {at(now.boot_s), offset_, now}; }

 private:
  double t_ = 0;
  double boot_s_ = 0;
  double offset_ = 0;
};

}  // namespace mla
