#include "verdict/process_verdict.h"

#include <algorithm>
#include <cmath>

#include "verdict/assessment.h"
#include "verdict/busy_window.h"

namespace mla {
namespace {

constexpr double kNsPerSecond = 1e9;
constexpr double kFalseDiscoveries = 0.05;
// A job of a few minutes grows with time until it is done: a compiler, a pack of git. In a run as
// short as this a leak must grow with the work, too; one by the clock alone takes longer to show.
constexpr double kSureHours = 1.0 / 6;
constexpr double kGrowsWithTimeOnly = 0.3;  // probability: not measured

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
  const uint64_t end_ns = work_window(snapshot).end_ns;
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

// The verdict over work done instead of over time, rates by the mean speed of work.
SeriesVerdict verdict_by_work(const LiveSeries& series, const std::vector<double>& work,
                              const VerdictOptions& options) {
  std::vector<double> t;
  std::vector<double> bytes;
  const double all = work.back() - work.front();
  for (size_t i = 0; i < series.t_s.size(); ++i) {
    const double at =
        std::lerp(series.t_s.front(), series.t_s.back(), (work[i] - work.front()) / all);
    if (!t.empty() && !(at > t.back())) continue;
    t.push_back(at);
    bytes.push_back(series.live_bytes[i]);
  }
  return all > 0 ? series_verdict(t, bytes, {}, options) : SeriesVerdict{};
}

// A process with nothing to do is not told to go on doing it.
void say_idle(const Snapshot& snapshot, SeriesVerdict& verdict) {
  if (verdict.verdict != VerdictClass::kInsufficient || verdict.n_eff > 0) return;
  const WorkWindow window = work_window(snapshot);
  const double ran = static_cast<double>(snapshot.last_ns) / kNsPerSecond;
  const double worked = static_cast<double>(window.end_ns - window.begin_ns) / kNsPerSecond;
  if (!(worked < ran / 2)) return;
  verdict.reason = "it made next to no allocations in " +
                   std::to_string(static_cast<int>(100 * (1 - worked / ran))) +
                   " % of its time; judge it under load";
  verdict.more_hours.reset();
}

}  // namespace

LiveSeries live_series(const Snapshot& snapshot) {
  LiveSeries series;
  bool rss_known = true;
  const bool with_mappings = snapshot.process.python_mode != "objects";
  const WorkWindow window = work_window(snapshot);
  for (const TimelinePoint& point : snapshot.timeline) {
    const double at = static_cast<double>(point.t_ns) / kNsPerSecond;
    if (point.t_ns < window.begin_ns) continue;
    if (point.t_ns > window.end_ns) break;
    if (!series.t_s.empty() && at <= series.t_s.back()) continue;
    series.t_s.push_back(at);
    series.live_bytes.push_back(
        static_cast<double>(point.live_bytes + (with_mappings ? point.mapped_bytes : 0)));
    series.rss_bytes.push_back(static_cast<double>(point.rss_bytes));
    series.allocations.push_back(static_cast<double>(point.alloc_count));
    series.allocated_bytes.push_back(static_cast<double>(point.alloc_bytes));
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

SeriesVerdict live_verdict(const LiveSeries& series, const VerdictOptions& options) {
  SeriesVerdict by_time = series_verdict(series.t_s, series.live_bytes, series.rss_bytes, options);
  const bool leak = by_time.verdict == VerdictClass::kLeak;
  const bool short_of_information = by_time.n_eff < kLeastEffective;
  if (by_time.n_eff == 0 || by_time.hours > kSureHours) return by_time;
  if (!leak && !(by_time.verdict == VerdictClass::kInsufficient && short_of_information)) {
    return by_time;
  }
  SeriesVerdict by_count = verdict_by_work(series, series.allocations, options);
  const SeriesVerdict by_bytes = verdict_by_work(series, series.allocated_bytes, options);
  const bool with_count = by_count.verdict == VerdictClass::kLeak;
  const bool with_bytes = by_bytes.verdict == VerdictClass::kLeak;
  if (short_of_information && with_count && with_bytes) return by_count;
  const auto denies = [](const SeriesVerdict& by_work) {
    return by_work.verdict != VerdictClass::kLeak && by_work.n_eff >= kLeastEffective;
  };
  if (leak && (with_count || with_bytes) && !denies(by_count) && !denies(by_bytes)) return by_time;
  if (leak) {
    by_time.verdict = VerdictClass::kInsufficient;
    by_time.reason = "it grows with time, but not with the work done";
    by_time.probability = kGrowsWithTimeOnly;
    by_time.more_hours = kSureHours - by_time.hours;
    by_time.then_detectable_bytes_per_hour = 0;
  }
  return by_time;
}

ProcessVerdict process_verdict(const Snapshot& snapshot, const VerdictOptions& options) {
  ProcessVerdict found;
  found.series = live_series(snapshot);
  found.process = live_verdict(found.series, options);
  say_idle(snapshot, found.process);
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
