// What the watcher writes into the history: samples, changes of verdict, notifications.
#include <algorithm>
#include <cmath>
#include <ctime>
#include <nlohmann/json.hpp>

#include "history/history_error.h"
#include "report/units.h"
#include "report/verdict_text.h"
#include "watch/compared.h"
#include "watch/watcher.h"

namespace mla {
namespace {

constexpr double kPruneEveryS = 600;
// A verdict counts when it was found twice in a row: one that lies between two changes its mind.
constexpr int64_t kTimesInARow = 2;
constexpr double kGoneS = 600;  // a worker that ended counts for so long: it may come again
constexpr double kDayS = 86400;
constexpr double kReleaseDays = 14;  // so long a release is compared with the one before
constexpr size_t kSitesNamed = 3;

bool alarming(const std::string& verdict) { return verdict == "leak" || verdict == "retention"; }

std::string day_of(double wall_s) {
  const auto seconds = static_cast<time_t>(wall_s);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[16];
  std::strftime(text, sizeof text, "%Y-%m-%d", &parts);
  return text;
}

int64_t step_of(double t) {
  return static_cast<int64_t>(std::floor(t / static_cast<double>(kLevels[kCoarsest].step_s)));
}

std::string compared_evidence(const Compared& compared, const std::string& what) {
  return nlohmann::ordered_json{{"ratio", compared.ratio},
                                {"mean_bytes", compared.mean_bytes},
                                {"before_mean_bytes", compared.before_mean_bytes},
                                {"hours", compared.hours},
                                {"compared", what}}
      .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

void Watcher::write() {
  try {
    if (store_ && store_->database().has_moved()) leave();
    if (!store_) open();
    const double t = time_->at(now_.boot_s);
    if (t >= next_prune_t_) {
      // First: it makes room.
      store_->prune(t);
      next_prune_t_ = t + kPruneEveryS;
    }
    write_all(t);
  } catch (const HistoryError& error) {
    for (const int64_t number : new_series_) {
      if (const auto at = workers_.find(number); at != workers_.end()) at->second.series.id = 0;
    }
    new_series_.clear();
    made_.clear();
    trouble(error.what());
    return;
  }
  if (!trouble_.empty() && events_.problem) {
    events_.problem(options_.file + ": the history is written again" +
                    (dropped_ > 0 ? ": " + std::to_string(dropped_) + " samples were lost"
                                  : std::string(": nothing was lost")));
  }
  trouble_.clear();
  dropped_ = 0;
  unwritten_.clear();
  jumps_.clear();
  judged_.clear();
  new_series_.clear();
  compared_step_ = step_of(time_->at(now_.boot_s));
  for (const Change& change : made_) events_.change(change);
  made_.clear();
}

void Watcher::write_all(double t) {
  Transaction transaction(store_->database());
  store_->save_mark(time_->mark(now_));
  for (const auto& [at, by] : jumps_) store_->add_clock_jump(at, time_->offset(), by);
  for (auto& [number, worker] : workers_) {
    if (worker.alive || worker.series.id == 0) store_series(worker);
  }
  if (dropped_ > 0 && !unwritten_.empty()) {
    store_->add_mark({MarkKind::kLost, t, 0,
                      std::to_string(dropped_) + " samples, while the history could not be used"});
  }
  for (const Unwritten& one : unwritten_) {
    const auto worker = workers_.find(one.worker);
    if (worker == workers_.end()) continue;
    const int64_t series = worker->second.series.id;
    if (one.sample) {
      store_->add_sample(series, *one.sample);
    } else {
      store_->add_mark({one.mark.kind, one.mark.t, series, one.mark.detail});
    }
  }
  for (const ServiceKey& of : judged_) settle(of, t);
  if (step_of(t) != compared_step_) compare(t);
  transaction.commit();
}

void Watcher::store_series(Worker& worker) {
  if (worker.series.id == 0) new_series_.push_back(worker.number);
  worker.series.verdict = worker.judged;
  store_->save_series(worker.series);
}

// Of the workers alive, and of those that ended a moment ago. One that was restarted keeps what was
// decided of it until its new process can be judged.
std::string Watcher::verdict_of(const ServiceKey& of, double t) const {
  constexpr const char* kWorstFirst[] = {"leak", "retention", "step", "bounded", "stable"};
  std::set<std::string> found;
  bool open = false;  // what was alarming, and is not decided now
  for (const auto& [number, worker] : workers_) {
    if (worker.series.key.of != of) continue;
    if (!worker.alive && worker.series.last_t < t - kGoneS) continue;
    const bool young = worker.judged == "insufficient" && !worker.decided.empty();
    if (young && worker.verdict.n_eff == 0) {
      found.insert(worker.decided);
    } else if (young && alarming(worker.decided)) {
      open = true;
    } else {
      found.insert(worker.judged);
    }
  }
  for (const char* verdict : kWorstFirst) {
    if (open && !alarming(verdict)) break;
    if (found.contains(verdict)) return verdict;
  }
  return "insufficient";
}

std::string Watcher::evidence_of(const ServiceKey& of, const std::string& verdict) const {
  const Worker* worst = nullptr;
  size_t all = 0;
  size_t affected = 0;
  for (const auto& [number, worker] : workers_) {
    if (worker.series.key.of != of || !worker.alive) continue;
    ++all;
    if (worker.judged != verdict) continue;
    ++affected;
    if (worst == nullptr || worker.verdict.rate.value > worst->verdict.rate.value) worst = &worker;
  }
  nlohmann::ordered_json evidence{{"workers", all}, {"affected", affected}};
  evidence["workers_text"] =
      std::to_string(affected) + " of " + std::to_string(all) + (all == 1 ? " worker" : " workers");
  if (worst == nullptr) return evidence.dump();
  evidence["pid"] = worst->series.process.pid;
  evidence["judged"] = worst->last.live_bytes ? "live_bytes" : "rss_bytes";
  evidence["rss_bytes"] = worst->last.rss_bytes;
  if (worst->last.live_bytes) evidence["live_bytes"] = *worst->last.live_bytes;
  if (options_.founding) {
    evidence["reason"] = "by the founding thresholds";
    evidence["rate_bytes_per_hour"] = nullptr;
  } else {
    evidence.update(verdict_json(worst->verdict, TimeUnit::kHours));
    evidence.erase("verdict");
  }
  if (!worst->last.live_bytes) {
    std::string reason = evidence.value("reason", "");
    reason += " (of RSS: the process is not recorded)";
    evidence["reason"] = reason;
  }
  if (!worst->ledger.empty()) evidence["ledger"] = worst->ledger;
  for (size_t i = 0; i < std::min(worst->sites.size(), kSitesNamed); ++i) {
    evidence["sites"].push_back(
        {{"stack", worst->sites[i].stack}, {"bytes_per_hour", worst->sites[i].bytes_per_hour}});
  }
  return evidence.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

void Watcher::settle(const ServiceKey& of, double t) {
  const std::string found = verdict_of(of, t);
  Store::VerdictState state = store_->verdict_state(of);
  const Store::VerdictState before = state;
  state.times = found == state.candidate ? state.times + 1 : 1;
  state.times = std::min(state.times, kTimesInARow);
  state.candidate = found;
  const bool changed = state.times >= kTimesInARow && found != state.verdict;
  if (changed) state.verdict = found;
  // An insufficient verdict takes nothing back that was said.
  const bool decided = state.verdict != "insufficient" && state.verdict != state.notified;
  const bool news = decided && (alarming(state.verdict) || alarming(state.notified));
  const bool notify = news && !options_.targets.empty();
  if (notify || (decided && !news)) state.notified = state.verdict;
  if (changed || notify) {
    Change change;
    change.kind = ChangeKind::kVerdict;
    change.t = t;
    change.of = of;
    change.before = changed ? before.verdict : before.notified;
    change.verdict = state.verdict;
    change.evidence = evidence_of(of, state.verdict);
    change.notified = notify;
    store_change(std::move(change), "");
  }
  if (state.verdict != before.verdict || state.candidate != before.candidate ||
      state.times != before.times || state.notified != before.notified) {
    store_->save_verdict_state(of, state);
  }
}

void Watcher::store_change(Change change, const std::string& once) {
  change.wall_s = change.t + time_->offset();
  const std::optional<int64_t> id = store_->add_change(change, once);
  if (!id) return;  // it was said already
  change.id = *id;
  if (change.notified) {
    for (const std::string& target : options_.targets) store_->enqueue(*id, target, change.t);
  }
  made_.push_back(std::move(change));
}

void Watcher::compare(double t) {
  std::set<ServiceKey> services;
  for (const auto& [number, worker] : workers_) {
    const ServiceKey& of = worker.series.key.of;
    if (worker.alive) services.insert({of.service, of.host, ""});
  }
  for (const ServiceKey& of : services) {
    compare_days(of, t);
    compare_releases(of, t);
  }
}

void Watcher::compare_days(const ServiceKey& of, double t) {
  const double wall = t + time_->offset();
  const double from = std::floor(wall / kDayS) * kDayS - time_->offset();
  const Steps today = store_->service_level(of, from, t);
  const Steps yesterday = store_->service_level(of, from - kDayS, t - kDayS);
  const auto compared =
      compare_steps(today, yesterday, static_cast<int64_t>(kDayS) / kLevels[kCoarsest].step_s);
  if (!compared || compared->ratio <= options_.thresholds.excess_ratio) return;
  Change change;
  change.kind = ChangeKind::kDay;
  change.t = t;
  change.of = of;
  change.evidence = compared_evidence(
      *compared, "mean RSS of a worker over the same " +
                     human_seconds(compared->hours * kSecondsPerHour) + " of today and yesterday");
  change.notified = !options_.targets.empty();
  store_change(std::move(change), "day " + of.service + ' ' + of.host + ' ' + day_of(wall));
}

void Watcher::compare_releases(const ServiceKey& of, double t) {
  struct Build {
    std::string name;
    double first_t;
    double last_t;
    bool from_start;
  };
  std::vector<Build> builds;  // by the first series of each
  for (const SeriesRecord& one : store_->series()) {
    if (one.key.of.service != of.service || one.key.of.host != of.host) continue;
    const auto same = std::find_if(builds.begin(), builds.end(), [&one](const Build& build) {
      return build.name == one.key.of.build;
    });
    if (same != builds.end()) {
      same->last_t = std::max(same->last_t, one.last_t);
    } else {
      builds.push_back({one.key.of.build, one.first_t, one.last_t, one.from_start});
    }
  }
  if (builds.size() < 2 || builds.back().first_t < t - kReleaseDays * kDayS) return;
  const Build& release = builds.back();
  const Build& before = builds[builds.size() - 2];
  const Steps now = store_->service_level({of.service, of.host, release.name}, release.first_t, t);
  const Steps then =
      store_->service_level({of.service, of.host, before.name}, before.first_t, before.last_t);
  const int64_t shift = release_shift(now, then, release.from_start && before.from_start);
  const auto compared = shift > 0 ? compare_steps(now, then, shift) : std::nullopt;
  if (!compared || compared->ratio <= options_.thresholds.excess_ratio) return;
  Change change;
  change.kind = ChangeKind::kRelease;
  change.t = t;
  change.of = {of.service, of.host, release.name};
  change.before = before.name;
  change.evidence = compared_evidence(
      *compared, "mean RSS of a worker over " + human_seconds(compared->hours * kSecondsPerHour) +
                     (release.from_start && before.from_start ? " since the start of each release"
                                                              : " at the same time of day"));
  change.notified = !options_.targets.empty();
  store_change(std::move(change),
               "release " + of.service + ' ' + of.host + ' ' + release.name + ' ' + before.name);
}

}  // namespace mla
