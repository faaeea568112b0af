#include "verdict/process_verdict.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <map>

#include "ledger/ledger.h"
#include "verdict/assessment.h"
#include "verdict/busy_window.h"
#include "verdict/off_times.h"

namespace mla {
namespace {

constexpr double kNsPerSecond = 1e9;
constexpr double kFalseDiscoveries = 0.05;
// A job of a few minutes grows with time until it is done: a compiler, a pack of git. In a run as
// short as this a leak must grow with the work, too; one by the clock alone takes longer to show.
constexpr double kSureHours = 1.0 / 6;
constexpr double kLeastGrowth = 64 << 10;
constexpr double kGrowsWithTimeOnly = 0.3;  // probability: not measured
// Shares of leaks among generated call sites by what their cohorts say, docs/verdict.md.
constexpr double kLeakByCohorts = 0.97;
constexpr double kNoneByCohorts = 0.01;
constexpr double kAccountedFor = 0.5;  // of the growth
constexpr size_t kFewSites = 5;
constexpr double kLeastHours = 1.0 / 60;

SeriesVerdict verdict_of(const SiteHistory& history, const WorkWindow& window) {
  std::vector<double> t;
  std::vector<double> bytes;
  for (const SiteHistoryPoint& point : history.points) {
    const double at = static_cast<double>(point.t_ns) / kNsPerSecond;
    if (point.t_ns < window.begin_ns) continue;
    if (point.t_ns > window.end_ns) break;
    if (!t.empty() && at <= t.back()) continue;
    t.push_back(at);
    bytes.push_back(static_cast<double>(point.live_bytes));
  }
  return series_verdict(t, bytes);
}

int rank_of(VerdictClass verdict) {
  if (verdict == VerdictClass::kLeak) return 0;
  return verdict == VerdictClass::kGrowing ? 1 : 2;
}

bool ranks_before(const SiteVerdict& a, const SiteVerdict& b) {
  const int a_rank = rank_of(a.verdict.verdict);
  const int b_rank = rank_of(b.verdict.verdict);
  if (a_rank != b_rank) return a_rank < b_rank;
  return a.verdict.rate.value > b.verdict.rate.value;
}

// What the cohorts say goes before what the history says: they see the blocks, it sees their sum.
void apply(const SiteRuling& ruling, SiteVerdict& site) {
  SeriesVerdict& verdict = site.verdict;
  const bool grew = verdict.verdict == VerdictClass::kLeak;
  site.ruling = ruling;
  if (ruling.verdict == VerdictClass::kInsufficient) return;
  verdict.verdict = ruling.verdict;
  verdict.reason = ruling.reason;
  verdict.rate = ruling.rate;
  verdict.p_value = ruling.p_value;
  verdict.probability = ruling.verdict == VerdictClass::kLeak ? kLeakByCohorts : kNoneByCohorts;
  // Blocks die and there are ever more of them all the same: a queue that gets longer, say.
  if (grew && ruling.verdict == VerdictClass::kStable) {
    verdict.verdict = VerdictClass::kGrowing;
    verdict.reason = "old blocks are freed, but there are ever more of them";
  }
}

bool is_shown(const SeriesVerdict& v) {
  if (v.verdict == VerdictClass::kLeak || v.verdict == VerdictClass::kGrowing) return true;
  return v.verdict == VerdictClass::kInsufficient && v.n_eff > 0 && v.growth_bytes > 0 &&
         v.rate.value > 0;
}

// Where none can be judged: those whose live bytes grew most between the first and the last moment
// of their history.
std::vector<SiteVerdict> grown_sites(const Snapshot& snapshot) {
  std::vector<SiteVerdict> sites;
  const WorkWindow window = work_window(snapshot);
  for (const SiteHistory& history : snapshot.history) {
    if (history.site_index >= snapshot.sites.size()) continue;
    if (is_python_arena(snapshot, snapshot.sites[history.site_index])) continue;
    std::vector<SiteHistoryPoint> points;
    std::copy_if(history.points.begin(), history.points.end(), std::back_inserter(points),
                 [&window](const SiteHistoryPoint& point) {
                   return point.t_ns >= window.begin_ns && point.t_ns <= window.end_ns;
                 });
    if (points.size() < 2 || points.back().t_ns <= points.front().t_ns) continue;
    SiteVerdict site;
    site.site_index = history.site_index;
    site.verdict.growth_bytes = static_cast<double>(points.back().live_bytes) -
                                static_cast<double>(points.front().live_bytes);
    site.verdict.hours =
        static_cast<double>(points.back().t_ns - points.front().t_ns) / kNsPerSecond / 3600;
    const double rate = site.verdict.growth_bytes / site.verdict.hours;
    site.verdict.rate = {rate, rate, rate};
    site.verdict.samples = points.size();
    site.verdict.detectable_bytes_per_hour = std::numeric_limits<double>::infinity();
    site.verdict.reason = "it grew, and its history is too short to say more";
    if (site.verdict.growth_bytes >= kLeastGrowth) sites.push_back(std::move(site));
  }
  std::stable_sort(sites.begin(), sites.end(), ranks_before);
  if (sites.size() > kFewSites) sites.resize(kFewSites);
  return sites;
}

// By the allocations of the process.
WorkDone work_of(const Snapshot& snapshot) {
  if (snapshot.timeline.empty() || snapshot.timeline.back().alloc_count == 0) return {};
  return [&timeline = snapshot.timeline](uint64_t t_ns) {
    const auto all = static_cast<double>(timeline.back().alloc_count);
    const auto after = std::partition_point(
        timeline.begin(), timeline.end(), [t_ns](const TimelinePoint& p) { return p.t_ns < t_ns; });
    if (after == timeline.end()) return 1.0;
    const TimelinePoint before = after == timeline.begin() ? TimelinePoint{} : *(after - 1);
    const double width = static_cast<double>(after->t_ns - before.t_ns);
    const double part = width > 0 ? static_cast<double>(t_ns - before.t_ns) / width : 1;
    return std::lerp(static_cast<double>(before.alloc_count),
                     static_cast<double>(after->alloc_count), part) /
           all;
  };
}

// `own`: memory of mla itself, which is no program's to keep.
bool keeps_memory(const TimelinePoint& at, uint64_t own) {
  constexpr double kLeast = 32.0 * 1024 * 1024;
  const auto alive = static_cast<double>(at.live_bytes + at.mapped_bytes);
  const auto anonymous = static_cast<double>(at.anon_bytes - std::min(at.anon_bytes, own));
  return anonymous - alive > kLeast && anonymous > 4 * alive;
}

// The process took far more anonymous memory than is alive, from its start on: what RSS alone does
// not show as growth. The least is above the free space of a small heap. After
// the work most moments must say so, for at its end a program frees its heap, or gives it back.
bool keeps_memory(const Snapshot& snapshot) {
  const uint64_t end_ns = work_window(snapshot).end_ns;
  size_t moments = 0;
  size_t keeping = 0;
  for (const TimelinePoint& point : snapshot.timeline) {
    if (point.t_ns < end_ns) continue;
    ++moments;
    keeping += keeps_memory(point, snapshot.totals.own_bytes) ? 1 : 0;
  }
  return keeping > 0 && 2 * keeping >= moments;
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

// From the second eighth of the window to its last one: start-up is left out, and so is what comes
// after the last census: a program frees at its end.
double growth_per_hour(const LiveSeries& series, double end_s) {
  if (series.t_s.empty()) return 0;
  const double begin = series.t_s.front();
  const double eighth = (std::min(end_s, series.t_s.back()) - begin) / 8;
  const auto mean = [&series](double from, double to) {
    double sum = 0;
    double count = 0;
    for (size_t i = 0; i < series.t_s.size(); ++i) {
      if (series.t_s[i] < from || series.t_s[i] > to) continue;
      sum += series.live_bytes[i];
      ++count;
    }
    return count > 0 ? sum / count : NAN;
  };
  const double growth =
      mean(begin + 7 * eighth, begin + 8 * eighth) - mean(begin + eighth, begin + 2 * eighth);
  return eighth > 0 && std::isfinite(growth) ? growth / (6 * eighth) * 3600 : 0;
}

// Whether both halves of the work grew by about as much, to a factor of 2.5.
bool grows_evenly(const LiveSeries& series, const std::vector<double>& work) {
  constexpr double kLeast = 0.4;
  const double middle = (work.front() + work.back()) / 2;
  const auto after = std::lower_bound(work.begin(), work.end(), middle);
  if (after == work.end() || after == work.begin()) return false;
  const auto i = static_cast<size_t>(after - work.begin());
  const double span = work[i] - work[i - 1];
  const double at = std::lerp(series.live_bytes[i - 1], series.live_bytes[i],
                              span > 0 ? (middle - work[i - 1]) / span : 1);
  const double older = at - series.live_bytes.front();
  const double younger = series.live_bytes.back() - at;
  return older > 0 && younger > 0 && younger >= kLeast * older && older >= kLeast * younger;
}

// A process with nothing to do is not told to go on doing it.
void say_idle(const Snapshot& snapshot, SeriesVerdict& verdict) {
  if (verdict.verdict != VerdictClass::kInsufficient || verdict.n_eff > 0) return;
  const WorkWindow window = work_window(snapshot);
  const WorkWindow known = known_stretch(snapshot);
  const double ran = static_cast<double>(known.end_ns - known.begin_ns) / kNsPerSecond;
  const double worked = static_cast<double>(window.end_ns - window.begin_ns) / kNsPerSecond;
  if (!(worked < ran / 2)) return;
  verdict.reason = "it made next to no allocations in " +
                   std::to_string(static_cast<int>(100 * (1 - worked / ran))) +
                   " % of its time; judge it under load";
  if (snapshot.process.python_mode == "frames") {
    // One that makes only small objects calls malloc too seldom to be seen at work.
    verdict.reason += ", or with Python's small objects recorded";
  }
  verdict.more_hours.reset();
}

// Of a leak: its growth is that of its work, which may have ended long ago.
void say_idle_since(const Snapshot& snapshot, SeriesVerdict& verdict) {
  constexpr uint64_t kLeastIdleNs = 10'000'000'000;
  const uint64_t end_ns = work_window(snapshot).end_ns;
  const uint64_t known_ns = known_stretch(snapshot).end_ns;
  if (known_ns < end_ns + kLeastIdleNs) return;
  verdict.reason += "; it made next to no allocations in the last " +
                    std::to_string((known_ns - end_ns) / 1'000'000'000) + " s";
}

void let_sites_account(const LiveSeries& series, const VerdictOptions& options,
                       ProcessVerdict& found) {
  if (found.process.verdict != VerdictClass::kInsufficient || found.hours < kLeastHours) {
    return;
  }
  Rate rate;
  size_t count = 0;
  for (const SiteVerdict& site : found.sites) {  // the fastest come first
    if (site.verdict.verdict != VerdictClass::kLeak || count == kFewSites) break;
    if (!site.ruling.with_work) continue;
    ++count;
    rate.value += site.verdict.rate.value;
    rate.low += site.verdict.rate.low;
    rate.high += site.verdict.rate.high;
  }
  const double growth = growth_per_hour(series, found.census_s);
  if (count == 0 || rate.value <= options.tolerance_bytes_per_hour || growth <= 0 ||
      rate.value < kAccountedFor * growth) {
    return;
  }
  found.process.verdict = VerdictClass::kLeak;
  found.process.probability = kLeakByCohorts;
  found.process.rate = rate;
  found.process.more_hours.reset();
  found.process.reason =
      count == 1
          ? "one call site keeps what it allocates, and makes up the growth"
          : std::to_string(count) + " call sites keep what they allocate, and make up the growth";
}

// Of what the process grew, if that is more than what the sites that leak did.
void share_growth(const LiveSeries& series, ProcessVerdict& found) {
  double all = 0;
  for (const SiteVerdict& site : found.sites) {
    if (site.verdict.verdict == VerdictClass::kLeak) all += site.verdict.rate.value;
  }
  all = std::max(all, growth_per_hour(series, found.census_s));
  for (SiteVerdict& site : found.sites) {
    const bool leaks = site.verdict.verdict == VerdictClass::kLeak;
    site.growth_share = leaks && all > 0 ? site.verdict.rate.value / all : 0;
  }
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
  const auto open = [](SeriesVerdict verdict, const char* reason) {
    verdict.verdict = VerdictClass::kInsufficient;
    verdict.reason = reason;
    verdict.probability = kGrowsWithTimeOnly;
    verdict.more_hours = kSureHours - verdict.hours;
    verdict.then_detectable_bytes_per_hour = 0;
    return verdict;
  };
  SeriesVerdict by_time = series_verdict(series.t_s, series.live_bytes, series.rss_bytes, options);
  const bool leak = by_time.verdict == VerdictClass::kLeak;
  const bool short_of_information = by_time.n_eff < kLeastEffective;
  if (by_time.n_eff == 0 || by_time.hours > kSureHours) return by_time;
  if (!leak && !(by_time.verdict == VerdictClass::kInsufficient && short_of_information)) {
    return by_time;
  }
  if (leak && by_time.growth_bytes < kLeastGrowth) {
    return open(by_time, "it grew by less than 64 KiB, as a cache does that fills");
  }
  SeriesVerdict by_count = verdict_by_work(series, series.allocations, options);
  const SeriesVerdict by_bytes = verdict_by_work(series, series.allocated_bytes, options);
  const bool with_count = by_count.verdict == VerdictClass::kLeak;
  const bool with_bytes = by_bytes.verdict == VerdictClass::kLeak;
  const bool even =
      grows_evenly(series, series.allocations) || grows_evenly(series, series.allocated_bytes);
  if (short_of_information && with_count && with_bytes && even) return by_count;
  const auto denies = [](const SeriesVerdict& by_work) {
    return by_work.verdict != VerdictClass::kLeak && by_work.n_eff >= kLeastEffective;
  };
  if (leak && even && (with_count || with_bytes) && !denies(by_count) && !denies(by_bytes)) {
    return by_time;
  }
  return leak ? open(by_time, "it grows with time, but not with the work done") : by_time;
}

std::vector<SiteVerdict> site_verdicts(const Snapshot& snapshot) {
  std::map<uint32_t, SiteVerdict> by_site;
  const WorkWindow window = work_window(snapshot);
  for (const SiteHistory& history : snapshot.history) {
    if (history.site_index >= snapshot.sites.size()) continue;
    SiteVerdict& site = by_site[history.site_index];
    site.site_index = history.site_index;
    site.verdict = verdict_of(history, window);
  }
  const WorkDone work_done = work_of(snapshot);
  for (uint32_t i = 0; i < snapshot.census.sites.size(); ++i) {
    const SiteCohorts& cohorts = snapshot.census.sites[i];
    if (cohorts.site_index >= snapshot.sites.size()) continue;
    SiteVerdict& site = by_site[cohorts.site_index];
    site.site_index = cohorts.site_index;
    site.cohorts = i;
    const uint64_t freed = snapshot.sites[cohorts.site_index].freed_count;
    apply(site_ruling(cohorts, snapshot.census.active_ns, freed, work_done), site);
  }
  std::vector<SiteVerdict> sites;
  std::vector<double> p_values;
  for (const auto& [index, site] : by_site) {
    // Who finds no room in Python's arenas gets another one: that is not who keeps the objects.
    if (is_python_arena(snapshot, snapshot.sites[index])) continue;
    if (site.verdict.n_eff > 0 || site.cohorts) p_values.push_back(site.verdict.p_value);
    if (is_shown(site.verdict)) sites.push_back(site);
  }
  const double threshold = discovery_threshold(std::move(p_values), kFalseDiscoveries);
  for (SiteVerdict& site : sites) {
    if (site.verdict.verdict != VerdictClass::kLeak || site.verdict.p_value <= threshold) continue;
    site.verdict.verdict = VerdictClass::kInsufficient;
    site.verdict.reason = "among so many call sites this could be chance";
  }
  std::stable_sort(sites.begin(), sites.end(), ranks_before);
  return sites;
}

void weigh_sites(const LiveSeries& series, const VerdictOptions& options, ProcessVerdict& found) {
  let_sites_account(series, options, found);
  const bool settled = found.process.verdict == VerdictClass::kLeak || found.hours >= kSureHours;
  for (SiteVerdict& site : found.sites) {
    if (settled || site.verdict.verdict != VerdictClass::kLeak) continue;
    site.verdict.verdict = VerdictClass::kGrowing;
    site.verdict.reason = "blocks stay, but so they do in a job that is not done yet";
    site.verdict.probability = kGrowsWithTimeOnly;
  }
  share_growth(series, found);
}

ProcessVerdict process_verdict(const Snapshot& snapshot, const VerdictOptions& options) {
  ProcessVerdict found;
  found.series = live_series(snapshot);
  found.process = live_verdict(found.series, options);
  say_idle(snapshot, found.process);
  const double active_hours = static_cast<double>(snapshot.census.active_ns) / 3.6e12;
  found.census_s = snapshot.census.censuses == 0
                       ? HUGE_VAL
                       : static_cast<double>(snapshot.census.t_ns) / kNsPerSecond;
  const bool was_off = snapshot.sampling.was_off();
  found.hours = was_off ? found.process.hours : std::max(found.process.hours, active_hours);
  found.sites = site_verdicts(snapshot);
  weigh_sites(found.series, options, found);
  SeriesVerdict& process = found.process;
  if (process.verdict == VerdictClass::kLeak) {
    if (found.sites.empty()) found.sites = grown_sites(snapshot);
    say_idle_since(snapshot, process);
  }
  heed_off_times(snapshot, found);
  if (snapshot.stop_reason != format::StopReason::kNone) {  // there will be no more of the same
    process.more_hours.reset();
  }
  // What is resident without being known to be alive says nothing then.
  if (was_off) return found;
  if (process.verdict == VerdictClass::kLeak || process.tolerated || !keeps_memory(snapshot)) {
    return found;
  }
  // That is plain to see, whether or not what is alive grows a little on top of it.
  if (process.verdict == VerdictClass::kInsufficient) {
    process.detectable_bytes_per_hour = std::numeric_limits<double>::infinity();
  }
  process.verdict = VerdictClass::kRetention;
  process.reason = "four times as much memory is resident as is alive";
  return found;
}

}  // namespace mla
