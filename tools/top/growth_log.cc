#include "top/growth_log.h"

#include <algorithm>

namespace mla {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;
constexpr uint64_t kApart = 10 * kSecond;
constexpr uint64_t kStretch = 60 * kSecond;

uint64_t at(const std::vector<uint64_t>& live, uint32_t id) {
  return id < live.size() ? live[id] : 0;
}

double difference(uint64_t now, uint64_t before) {
  return static_cast<double>(now) - static_cast<double>(before);
}

}  // namespace

std::vector<uint64_t> GrowthLog::live_by_id(const Snapshot& snapshot) {
  uint32_t last = 0;
  for (const Site& site : snapshot.sites) last = std::max(last, site.id);
  std::vector<uint64_t> live(size_t{last} + 1, 0);
  for (const Site& site : snapshot.sites) live[site.id] = site.live_bytes;
  return live;
}

void GrowthLog::begin(const Snapshot& snapshot) {
  restart(snapshot);
  since_ns_ = snapshot.last_ns / 2;
  for (const Site& site : snapshot.sites) {
    if (site.first_seen_ns > since_ns_) base_[site.id] = 0;
  }
  for (const SiteHistory& history : snapshot.history) {
    const auto after =
        std::upper_bound(history.points.begin(), history.points.end(), since_ns_,
                         [](uint64_t t, const SiteHistoryPoint& point) { return t < point.t_ns; });
    const auto point = after == history.points.begin() ? after : after - 1;
    if (point == history.points.end()) continue;
    const Site& site = snapshot.sites[history.site_index];
    if (site.first_seen_ns <= since_ns_) base_[site.id] = point->live_bytes;
  }
}

void GrowthLog::restart(const Snapshot& snapshot) {
  base_ = live_by_id(snapshot);
  since_ns_ = now_ns_ = snapshot.last_ns;
  seen_.clear();
}

void GrowthLog::add(const Snapshot& snapshot, uint64_t t_ns) {
  now_ns_ = std::max(now_ns_, t_ns);
  if (!seen_.empty() && t_ns < seen_.back().t_ns + kApart) return;
  seen_.push_back({t_ns, live_by_id(snapshot)});
  while (seen_.size() > 1 && seen_[1].t_ns + kStretch <= t_ns) seen_.pop_front();
}

double GrowthLog::growth(const Site& site) const {
  return difference(site.live_bytes, at(base_, site.id));
}

double GrowthLog::rate_seconds() const {
  const bool observed = !seen_.empty() && now_ns_ >= seen_.front().t_ns + kApart;
  const uint64_t from = observed ? seen_.front().t_ns : since_ns_;
  return static_cast<double>(now_ns_ - std::min(from, now_ns_)) / 1e9;
}

std::optional<double> GrowthLog::rate(const Site& site) const {
  const double seconds = rate_seconds();
  if (seconds <= 0) return std::nullopt;
  const bool observed = !seen_.empty() && now_ns_ >= seen_.front().t_ns + kApart;
  const uint64_t before = observed ? at(seen_.front().live, site.id) : at(base_, site.id);
  return difference(site.live_bytes, before) / seconds * 3600;
}

}  // namespace mla
