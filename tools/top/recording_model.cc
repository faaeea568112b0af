#include "top/recording_model.h"

#include <algorithm>

#include "reader/error.h"
#include "reader/reader.h"

namespace mla {

const char* rank_name(SiteRank rank) {
  static constexpr const char* kNames[] = {"live bytes", "growth", "rate"};
  return kNames[static_cast<size_t>(rank)];
}

RecordingModel::RecordingModel(std::string path) : path_(std::move(path)) {
  live_ = LiveRecording::open(path_);
  read(0);
  growth_.begin(*snapshot_);
  growth_.add(*snapshot_, now_ns_);
  judge(0);
}

void RecordingModel::read(double now_s) {
  const double began = thread_cpu_s();
  const auto figures = live_ ? live_->tick() : std::nullopt;
  alive_ = figures.has_value();
  if (!figures) live_.reset();
  auto snapshot = std::make_unique<Snapshot>(read_snapshot(path_));
  names_.follow(*snapshot);
  snapshot_ = std::move(snapshot);
  const Snapshot& s = *snapshot_;
  // A process whose recording has stopped lives on, but nothing new is to be seen of it.
  now_ns_ = read_ns_ = alive_ ? std::max(live_->now_ns(), s.last_ns) : s.last_ns;
  rss_bytes_ = alive_ ? figures->rss_bytes : last_recorded_memory(s).rss_bytes;
  live_bytes_ = alive_ ? figures->live_bytes : s.totals.live_bytes + s.totals.mapped_bytes;
  ledger_.reset();
  if (!s.ledger.empty()) {
    ledger_ = make_ledger(s, alive_ ? MemoryNow{rss_bytes_, now_ns_} : last_recorded_memory(s));
  }
  reading_.done(now_s, thread_cpu_s() - began);
}

void RecordingModel::judge(double now_s) {
  const double began = thread_cpu_s();
  ProcessVerdict found = process_verdict(*snapshot_);
  verdict_ = std::move(found.process);
  site_verdicts_.clear();
  for (SiteVerdict& site : found.sites) {
    site_verdicts_[snapshot_->sites[site.site_index].id] = std::move(site.verdict);
  }
  judging_.done(now_s, thread_cpu_s() - began);
}

bool RecordingModel::refresh(double now_s) {
  if (!alive_) return false;
  const auto figures = live_->tick();
  if (figures) {
    rss_bytes_ = figures->rss_bytes;
    live_bytes_ = figures->live_bytes;
    now_ns_ = std::max(now_ns_, live_->now_ns());
    if (!reading_.is_due(now_s)) return true;
  }
  try {
    read(now_s);
  } catch (const Error&) {
    // The file was taken away or cut short under us: what was read before is still shown.
    if (!figures) alive_ = false;
    return true;
  }
  growth_.add(*snapshot_, now_ns_);
  if (!alive_ || judging_.is_due(now_s)) judge(now_s);
  return true;
}

const SeriesVerdict* RecordingModel::verdict_of(const Site& site) const {
  const auto found = site_verdicts_.find(site.id);
  return found == site_verdicts_.end() ? nullptr : &found->second;
}

std::vector<uint32_t> RecordingModel::ranked(SiteRank rank) const {
  const std::vector<Site>& sites = snapshot_->sites;
  std::vector<std::pair<double, uint32_t>> order;
  order.reserve(sites.size());
  for (uint32_t i = 0; i < sites.size(); ++i) {
    const double growth = growth_.growth(sites[i]);
    if (sites[i].live_bytes == 0 && growth == 0) continue;
    const double value = rank == SiteRank::kLive     ? static_cast<double>(sites[i].live_bytes)
                         : rank == SiteRank::kGrowth ? growth
                                                     : growth_.rate(sites[i]).value_or(0);
    order.emplace_back(-value, i);
  }
  std::sort(order.begin(), order.end());  // equal ones by live bytes, as they are in the snapshot
  std::vector<uint32_t> result;
  result.reserve(order.size());
  for (const auto& [value, index] : order) result.push_back(index);
  return result;
}

}  // namespace mla
