// How often something may be done that costs CPU time: seldom enough to stay below a share of one
// core, whatever one time costs.
#pragma once

#include <algorithm>
#include <ctime>

namespace mla {

inline double thread_cpu_s() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

class Pace {
 public:
  // At most every `least_s` seconds, and at most `share` of a core.
  Pace(double least_s, double share) : least_s_(least_s), share_(share) {}

  bool is_due(double now_s) const { return now_s >= next_s_; }
  // It began at `now_s` and took so much CPU time.
  void done(double now_s, double cost_s) { next_s_ = now_s + std::max(least_s_, cost_s / share_); }
  void hurry() { next_s_ = 0; }

 private:
  double least_s_;
  double share_;
  double next_s_ = 0;
};

}  // namespace mla
