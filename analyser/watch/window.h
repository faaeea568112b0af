// The series of one process lifetime, in bounded memory: what is judged.
#pragma once

#include <cstddef>
#include <vector>

#include "history/records.h"

namespace mla {

inline constexpr size_t kWindowPoints = 2048;
inline constexpr double kWindowSeconds = 8 * 86400.0;  // a week, and a day to compare it with

// Keeps every point until there are kWindowPoints, then means of two, of four and so on. What is
// older than kWindowSeconds is dropped.
class Window {
 public:
  void clear();
  // `t` later than that of every point before; else the point is left out.
  void add(const Sample& sample);
  void add(const Point& point);  // of the history
  void shift(double by_s);       // all times

  // As series_verdict takes them. live_bytes is empty when any point lacks it.
  const std::vector<double>& t_s() const { return t_s_; }
  const std::vector<double>& rss_bytes() const { return rss_; }
  std::vector<double> live_bytes() const;

 private:
  void append(double t, double rss, double live);
  void halve();

  std::vector<double> t_s_;
  std::vector<double> rss_;
  std::vector<double> live_;  // below 0: not known
  size_t per_point_ = 1;      // samples in a point
  size_t pending_ = 0;        // samples of the point that is being added up
  double t_sum_ = 0;
  double rss_sum_ = 0;
  double live_sum_ = 0;
  double last_t_ = -1;
};

// One value a minute in MiB, interpolated: the series the founding thresholds are for.
std::vector<double> mib_by_minutes(const std::vector<double>& t_s,
                                   const std::vector<double>& bytes);

}  // namespace mla
