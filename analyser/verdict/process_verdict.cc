#include "verdict/process_verdict.h"

#include <algorithm>

namespace mla {
namespace {

constexpr double kNsPerSecond = 1e9;
constexpr double kFalseDiscoveries = 0.05;
constexpr double kIdleShare = 0.005;  // of the allocations

// When all but the last half percent of the allocations had been made.
uint64_t end_of_work(const Snapshot& snapshot) {
  if (snapshot.timeline.empty()) return 0;
  const double all = static_cast<double>(snapshot.timeline.back().alloc_count);
  const auto at = std::find_if(
      snapshot.timeline.begin(), snapshot.timeline.end(), [all](const TimelinePoint& point) {
        return static_cast<double>(point.alloc_count) >= all * (1 - kIdleShare);
      });
  return at->t_ns;
}

SeriesVerdict verdict_of(const SiteHistory& history, uint64_t end_ns) {
  std::vector<double> t;
  std::vector<double> bytes;
  for (const SiteHistoryPoint& point : history.points) {
    const double at = static_cast<double>(point.t_ns) / kNsPerSecond;
    if (point.t_ns > end_ns) break;
    if (!t.empty() && at <= t.back()) continue;
    t.push_back(at);
    bytes.push_back(static_cast<double>(point.live_bytes));
  }
  return series_verdict(t, bytes);
}

bool ranks_before(const SiteVerdict& a, const SiteVerdict& b) {
  const bool a_leaks = a.verdict.verdict == VerdictClass::kLeak;
  const bool b_leaks = b.verdict.verdict == VerdictClass::kLeak;
  if (a_leaks != b_leaks) return a_leaks;
  return a.verdict.rate.value > b.verdict.rate.value;
}

std::vector<SiteVerdict> site_verdicts(const Snapshot& snapshot) {
  std::vector<SiteVerdict> sites;
  std::vector<double> p_values;
  const uint64_t end_ns = end_of_work(snapshot);
  for (const SiteHistory& history : snapshot.history) {
    if (history.site_index >= snapshot.sites.size()) continue;
    SiteVerdict site{history.site_index, verdict_of(history, end_ns), 0};
    if (site.verdict.n_eff > 0) p_values.push_back(site.verdict.p_value);
    const VerdictClass verdict = site.verdict.verdict;
    const bool grew = verdict == VerdictClass::kInsufficient && site.verdict.n_eff > 0 &&
                      site.verdict.growth_bytes > 0 && site.verdict.rate.value > 0;
    if (verdict == VerdictClass::kLeak || grew) sites.push_back(std::move(site));
  }
  const double threshold = discovery_threshold(std::move(p_values), kFalseDiscoveries);
  double all = 0;
  for (SiteVerdict& site : sites) {
    if (site.verdict.verdict != VerdictClass::kLeak) continue;
    if (site.verdict.p_value <= threshold) {
      all += site.verdict.rate.value;
      continue;
    }
    site.verdict.verdict = VerdictClass::kInsufficient;
    site.verdict.reason = "among so many call sites this could be chance";
  }
  for (SiteVerdict& site : sites) {
    if (site.verdict.verdict == VerdictClass::kLeak && all > 0) {
      site.growth_share = site.verdict.rate.value / all;
    }
  }
  std::stable_sort(sites.begin(), sites.end(), ranks_before);
  return sites;
}

// The process took far more anonymous memory than is alive, from its start on: what RSS alone does
// not show as growth. The least is above mla's own memory and the free space of a small heap.
bool keeps_memory(const Snapshot& snapshot) {
  constexpr double kLeast = 32.0 * 1024 * 1024;
  if (snapshot.timeline.empty()) return false;
  const TimelinePoint& last = snapshot.timeline.back();
  const auto alive = static_cast<double>(last.live_bytes + last.mapped_bytes);
  const auto anonymous = static_cast<double>(last.anon_bytes);
  return anonymous - alive > kLeast && anonymous > 4 * alive;
}

}  // namespace

LiveSeries live_series(const Snapshot& snapshot) {
  LiveSeries series;
  bool rss_known = true;
  const uint64_t end_ns = end_of_work(snapshot);
  for (const TimelinePoint& point : snapshot.timeline) {
    const double at = static_cast<double>(point.t_ns) / kNsPerSecond;
    if (point.t_ns > end_ns) break;
    if (!series.t_s.empty() && at <= series.t_s.back()) continue;
    series.t_s.push_back(at);
    series.live_bytes.push_back(static_cast<double>(point.live_bytes) +
                                static_cast<double>(point.mapped_bytes));
    series.rss_bytes.push_back(static_cast<double>(point.rss_bytes));
    rss_known = rss_known && point.rss_bytes > 0;
  }
  if (!rss_known) series.rss_bytes.clear();
  return series;
}

double discovery_threshold(std::vector<double> p_values, double rate) {
  std::sort(p_values.begin(), p_values.end());
  const auto m = static_cast<double>(p_values.size());
  for (size_t k = p_values.size(); k > 0; --k) {
    if (p_values[k - 1] <= static_cast<double>(k) / m * rate) return p_values[k - 1];
  }
  return -1;
}

ProcessVerdict process_verdict(const Snapshot& snapshot, const VerdictOptions& options) {
  ProcessVerdict found;
  found.series = live_series(snapshot);
  found.process =
      series_verdict(found.series.t_s, found.series.live_bytes, found.series.rss_bytes, options);
  const VerdictClass verdict = found.process.verdict;
  if (verdict != VerdictClass::kLeak && verdict != VerdictClass::kInsufficient &&
      keeps_memory(snapshot)) {
    found.process.verdict = VerdictClass::kRetention;
    found.process.reason = "four times as much memory is resident as is alive";
  }
  found.sites = site_verdicts(snapshot);
  return found;
}

}  // namespace mla
