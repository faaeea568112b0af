#include "verdict/suppressed.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "verdict/off_times.h"

namespace mla {
namespace {

constexpr double kNsPerSecond = 1e9;
constexpr double kExplained = 0.95;  // of the growth, that leaves nothing to speak of

struct Moments {
  LiveSeries all;
  std::vector<double> suppressed_bytes;
};

// Between two samples of the series; its first and last hold beyond them.
double at(const std::vector<double>& t_s, const std::vector<double>& values, double t) {
  const auto after = std::lower_bound(t_s.begin(), t_s.end(), t);
  const auto i = static_cast<size_t>(after - t_s.begin());
  if (i == t_s.size()) return values.back();
  if (i == 0 || *after == t) return values[i];
  return std::lerp(values[i - 1], values[i], (t - t_s[i - 1]) / (t_s[i] - t_s[i - 1]));
}

// The moments of the history within the series, with what the suppressed sites had alive then. A
// site is in the history when it is among the largest; else it had next to nothing.
Moments moments(const Snapshot& snapshot, const std::vector<bool>& suppressed,
                const LiveSeries& series) {
  std::map<uint64_t, uint64_t> bytes;
  for (const SiteHistory& history : snapshot.history) {
    const bool counts = history.site_index < suppressed.size() && suppressed[history.site_index];
    for (const SiteHistoryPoint& point : history.points) {
      bytes[point.t_ns] += counts ? point.live_bytes : 0;
    }
  }
  Moments m;
  for (const auto& [t_ns, suppressed_bytes] : bytes) {
    const double t = static_cast<double>(t_ns) / kNsPerSecond;
    if (series.t_s.empty() || t < series.t_s.front() || t > series.t_s.back()) continue;
    m.all.t_s.push_back(t);
    m.all.live_bytes.push_back(at(series.t_s, series.live_bytes, t));
    m.all.allocations.push_back(at(series.t_s, series.allocations, t));
    m.all.allocated_bytes.push_back(at(series.t_s, series.allocated_bytes, t));
    m.suppressed_bytes.push_back(static_cast<double>(suppressed_bytes));
  }
  return m;
}

bool is_open(const SeriesVerdict& verdict) {
  return verdict.verdict == VerdictClass::kLeak || verdict.verdict == VerdictClass::kInsufficient ||
         !std::isfinite(verdict.detectable_bytes_per_hour);
}

}  // namespace

SuppressedGrowth leave_out(const Snapshot& snapshot, const std::vector<bool>& suppressed,
                           const VerdictOptions& options, ProcessVerdict& found) {
  const auto is_suppressed = [&suppressed](const SiteVerdict& site) {
    return site.site_index < suppressed.size() && suppressed[site.site_index];
  };
  std::erase_if(found.sites, is_suppressed);
  SuppressedGrowth result;
  Moments m = moments(snapshot, suppressed, found.series);
  if (m.all.t_s.size() < 2) return result;
  const double grown = m.suppressed_bytes.back() - m.suppressed_bytes.front();
  const double all = m.all.live_bytes.back() - m.all.live_bytes.front();
  if (all > 0) result.growth_share = grown / all;
  if (grown <= 0 || !is_open(found.process)) return result;

  result.judged_rest = true;
  const bool leaked = found.process.verdict == VerdictClass::kLeak;
  LiveSeries& rest = m.all;
  for (size_t i = 0; i < rest.t_s.size(); ++i) rest.live_bytes[i] -= m.suppressed_bytes[i];
  found.process = live_verdict(rest, options);
  found.sites = site_verdicts(snapshot);
  std::erase_if(found.sites, is_suppressed);
  const bool others_leak = std::any_of(
      found.sites.begin(), found.sites.end(),
      [](const SiteVerdict& site) { return site.verdict.verdict == VerdictClass::kLeak; });
  weigh_sites(rest, options, found);
  const double hours = (rest.t_s.back() - rest.t_s.front()) / 3600;
  const bool tolerable = options.tolerance_bytes_per_hour == 0 ||
                         all - grown <= options.tolerance_bytes_per_hour * hours;
  if (leaked && !others_leak && tolerable && result.growth_share >= kExplained &&
      found.process.verdict == VerdictClass::kInsufficient) {
    result.explained = true;
    found.process.verdict = VerdictClass::kStable;
    found.process.reason = "the suppressed call sites explain the growth";
    found.process.more_hours.reset();
  }
  heed_off_times(snapshot, found);
  return result;
}

}  // namespace mla
