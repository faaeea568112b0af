#include "watch/window.h"

#include <algorithm>
#include <cmath>

namespace mla {

void Window::clear() { *this = {}; }

void Window::add(const Sample& sample) {
  append(sample.t, static_cast<double>(sample.rss_bytes),
         sample.live_bytes ? static_cast<double>(*sample.live_bytes) : -1);
}

void Window::add(const Point& point) {
  append(point.t, point.rss_bytes, point.live_bytes.value_or(-1));
}

void Window::append(double t, double rss, double live) {
  if (t <= last_t_) return;
  last_t_ = t;
  t_sum_ += t;
  rss_sum_ += rss;
  live_sum_ = live < 0 || live_sum_ < 0 ? -1 : live_sum_ + live;
  if (++pending_ < per_point_) return;
  const auto n = static_cast<double>(pending_);
  t_s_.push_back(t_sum_ / n);
  rss_.push_back(rss_sum_ / n);
  live_.push_back(live_sum_ < 0 ? -1 : live_sum_ / n);
  pending_ = 0;
  t_sum_ = rss_sum_ = live_sum_ = 0;
  const auto old = std::lower_bound(t_s_.begin(), t_s_.end(), t - kWindowSeconds) - t_s_.begin();
  // Not for every point: dropping moves all the others.
  if (static_cast<size_t>(old) > kWindowPoints / 16) {
    t_s_.erase(t_s_.begin(), t_s_.begin() + old);
    rss_.erase(rss_.begin(), rss_.begin() + old);
    live_.erase(live_.begin(), live_.begin() + old);
  }
  if (t_s_.size() >= kWindowPoints) halve();
}

void Window::halve() {
  const size_t half = t_s_.size() / 2;
  for (size_t i = 0; i < half; ++i) {
    t_s_[i] = (t_s_[2 * i] + t_s_[2 * i + 1]) / 2;
    rss_[i] = (rss_[2 * i] + rss_[2 * i + 1]) / 2;
    const bool known = live_[2 * i] >= 0 && live_[2 * i + 1] >= 0;
    live_[i] = known ? (live_[2 * i] + live_[2 * i + 1]) / 2 : -1;
  }
  t_s_.resize(half);
  rss_.resize(half);
  live_.resize(half);
  per_point_ *= 2;
}

std::vector<double> Window::live_bytes() const {
  if (std::any_of(live_.begin(), live_.end(), [](double value) { return value < 0; })) return {};
  return live_;
}

void Window::shift(double by_s) {
  for (double& t : t_s_) t += by_s;
  t_sum_ += by_s * static_cast<double>(pending_);
  last_t_ += by_s;
}

std::vector<double> mib_by_minutes(const std::vector<double>& t_s,
                                   const std::vector<double>& bytes) {
  std::vector<double> grid;
  if (t_s.empty()) return grid;
  size_t next = 0;
  for (double t = t_s.front(); t <= t_s.back(); t += 60) {
    while (t_s[next] < t) ++next;
    double value = bytes[next];
    if (next > 0) {
      const double share = (t - t_s[next - 1]) / (t_s[next] - t_s[next - 1]);
      value = bytes[next - 1] + share * (bytes[next] - bytes[next - 1]);
    }
    grid.push_back(value / (1024.0 * 1024.0));
  }
  return grid;
}

}  // namespace mla
