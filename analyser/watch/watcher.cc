#include "watch/watcher.h"

#include <algorithm>

#include "history/history_error.h"
#include "watch/rss_verdict.h"

namespace mla {
namespace {

constexpr double kSamplesPerJudgement = 6;
constexpr double kJudgingShare = 0.01;  // of one CPU, at most
constexpr double kYoungS = 120;         // a process no older was seen from its start
constexpr double kForgetS = 3600;

// A process that executes another program is another worker.
bool is_of(const Observation& seen, const SeriesRecord& series) {
  return series.key.of == seen.of && series.key.command == seen.command;
}

}  // namespace

Watcher::Watcher(ProcessSource& source, Clock& clock, WatchOptions options, WatchEvents events)
    : source_(source), clock_(clock), options_(std::move(options)), events_(std::move(events)) {
  now_ = clock_.now();
  try {
    open();
  } catch (const HistoryError& error) {
    if (!error.passing()) throw;
    trouble(error.what());
  }
  if (!time_) time_ = std::make_unique<SteadyTime>(std::nullopt, now_);
}

Watcher::~Watcher() = default;

void Watcher::trouble(const std::string& line) {
  if (line == trouble_) return;
  trouble_ = line;
  if (!line.empty()) events_.problem(line + "; samples wait in memory meanwhile");
}

void Watcher::open() {
  std::unique_ptr<Store> store = options_.scratch
                                     ? Store::scratch(options_.file)
                                     : std::make_unique<Store>(options_.file, options_.max_bytes);
  known_ = store->series();
  auto time = std::make_unique<SteadyTime>(store->last_mark(), now_);
  if (time_) {
    // What was sampled before the history could be opened moves to its axis.
    const double by = time->at(now_.boot_s) - time_->at(now_.boot_s);
    for (Unwritten& one : unwritten_) {
      one.mark.t += by;
      if (one.sample) one.sample->t += by;
    }
    for (auto& [number, worker] : workers_) {
      worker.series.first_t += by;
      worker.series.last_t += by;
      worker.series.lifetime_t += by;
      worker.last.t += by;
      worker.next_judgement_t += by;
      worker.window.shift(by);
    }
  }
  time_ = std::move(time);
  store_ = std::move(store);
}

void Watcher::leave() {
  if (events_.left) events_.left();
  store_->database().leave_place();
  store_.reset();
  known_.clear();
  for (auto& [number, worker] : workers_) worker.series.id = 0;
  next_prune_t_ = 0;
  events_.problem(options_.file +
                  ": was moved or removed: what is watched from now on is written "
                  "to what is at its place");
}

void Watcher::read_clock() {
  now_ = clock_.now();
  if (const auto by = time_->take_jump(now_)) jumps_.emplace_back(time_->at(now_.boot_s), *by);
}

void Watcher::sample() {
  read_clock();
  const double t = time_->at(now_.boot_s);
  const std::vector<Observation> seen = source_.observe();
  alive_.clear();
  for (const Observation& one : seen) alive_.insert(one.process);
  const auto goes_on = [&seen](const SeriesRecord& series) {
    return std::any_of(seen.begin(), seen.end(), [&series](const Observation& one) {
      return one.process == series.process && is_of(one, series);
    });
  };
  for (auto& [number, worker] : workers_) {
    if (!worker.alive || goes_on(worker.series)) continue;
    worker.alive = false;
    keep({number,
          std::nullopt,
          {MarkKind::kEnd, t, 0, "pid " + std::to_string(worker.series.process.pid)}});
  }
  for (const Observation& one : seen) take(one, t);
  judge_due(t);
  write();
  drop_old_workers(time_->at(now_.boot_s));
}

void Watcher::take(const Observation& seen, double t) {
  Worker& worker = worker_of(seen, t);
  worker.alive = true;
  worker.series.recorded = seen.recorded;
  worker.sampling = seen.sampling;
  worker.stop_reason = seen.stop_reason;
  worker.series.last_t = t;
  worker.last = {t, seen.rss_bytes, seen.live_bytes};
  worker.window.add(worker.last);
  keep({worker.number, worker.last, {}});
}

Worker& Watcher::worker_of(const Observation& seen, double t) {
  const auto same_place = [&seen](const SeriesRecord& series) { return is_of(seen, series); };
  int64_t slot = 0;
  Worker* free = nullptr;  // its process is gone
  for (auto& [number, worker] : workers_) {
    if (!same_place(worker.series)) continue;
    if (worker.series.process == seen.process) return worker;
    slot = std::max(slot, worker.series.key.slot + 1);
    if (!worker.alive && !alive_.contains(worker.series.process) &&
        (free == nullptr || worker.series.key.slot < free->series.key.slot)) {
      free = &worker;
    }
  }
  const SeriesRecord* left = nullptr;  // of an earlier mla watch
  for (const SeriesRecord& known : known_) {
    if (!same_place(known)) continue;
    const bool taken = std::any_of(workers_.begin(), workers_.end(), [&known](const auto& entry) {
      return entry.second.series.key == known.key;
    });
    if (taken) continue;
    if (known.process == seen.process) return resume(known);
    slot = std::max(slot, known.key.slot + 1);
    if (!alive_.contains(known.process) && (left == nullptr || known.key.slot < left->key.slot)) {
      left = &known;
    }
  }
  if (free == nullptr && left != nullptr) free = &resume(*left);
  if (free == nullptr) {
    const int64_t number = next_worker_++;
    free = &workers_[number];
    free->number = number;
    free->series.key = {seen.of, seen.command, slot};
    free->series.first_t = t;
    free->series.from_start = seen.age_s <= std::max(kYoungS, 2 * options_.every_s);
  }
  begin_lifetime(*free, seen, t);
  return *free;
}

Worker& Watcher::resume(const SeriesRecord& known) {
  const int64_t number = next_worker_++;
  Worker& worker = workers_[number];
  worker.number = number;
  worker.series = known;
  worker.judged = known.verdict;
  if (known.verdict != "insufficient") worker.decided = known.verdict;
  try {
    const double from = std::max(known.lifetime_t, known.last_t - kWindowSeconds);
    if (store_) {
      for (const Point& point : store_->finest(known.id, from, known.last_t)) {
        worker.window.add(point);
      }
    }
  } catch (const HistoryError& error) {
    trouble(error.what());
  }
  return worker;
}

void Watcher::begin_lifetime(Worker& worker, const Observation& seen, double t) {
  std::string detail = "pid " + std::to_string(seen.process.pid);
  if (worker.series.process.pid != 0) {
    detail += ", restart of pid " + std::to_string(worker.series.process.pid);
  }
  worker.series.process = seen.process;
  worker.series.lifetime_t = t;
  worker.window.clear();
  worker.verdict = {};
  worker.judged = "insufficient";
  worker.next_judgement_t = 0;
  worker.ledger.clear();
  worker.lost_events.reset();
  worker.sites.clear();
  keep({worker.number, std::nullopt, {MarkKind::kStart, t, 0, detail}});
}

void Watcher::keep(Unwritten what) {
  if (unwritten_.size() >= options_.most_unwritten) {
    unwritten_.pop_front();
    ++dropped_;
  }
  unwritten_.push_back(std::move(what));
}

void Watcher::drop_old_workers(double t) {
  std::erase_if(workers_, [&](const auto& entry) {
    return !entry.second.alive && entry.second.series.last_t < t - kForgetS;
  });
}

void Watcher::judge_due(double t) {
  const auto alive = static_cast<double>(alive_.size());
  for (auto& [number, worker] : workers_) {
    if (!worker.alive || t < worker.next_judgement_t) continue;
    const double began = clock_.cpu_s();
    judge(worker);
    const double cost = clock_.cpu_s() - began;
    worker.next_judgement_t =
        t + std::max(kSamplesPerJudgement * options_.every_s, cost * alive / kJudgingShare);
    judged_.insert(worker.series.key.of);
  }
}

void Watcher::judge(Worker& worker) {
  const std::string before = worker.judged;
  const std::vector<double> live = worker.window.live_bytes();
  const std::vector<double>& t_s = worker.window.t_s();
  const std::vector<double>& rss = worker.window.rss_bytes();
  std::optional<RecordingVerdict> recorded;
  if (worker.series.recorded) recorded = source_.judge(worker.series.process, false);
  if (options_.founding) {
    const std::vector<double> mib = mib_by_minutes(t_s, live.empty() ? rss : live);
    const FoundingResult result = founding_rule(mib, options_.thresholds);
    worker.judged = result.validity != FoundingValidity::kValid ? "insufficient"
                    : result.notify                             ? "leak"
                                                                : "stable";
  } else {
    worker.verdict = recorded       ? recorded->verdict
                     : live.empty() ? rss_verdict(t_s, rss)
                                    : series_verdict(t_s, live, rss);
    worker.judged = verdict_name(worker.verdict.verdict);
  }
  if (recorded) {
    worker.ledger = recorded->ledger;
    worker.lost_events = recorded->lost_events;
  }
  if (worker.judged != "insufficient") worker.decided = worker.judged;
  // Of one that leaked before this mla began, too.
  const bool unnamed = before != "leak" || worker.sites.empty();
  if (worker.judged == "leak" && unnamed && recorded) {
    if (auto named = source_.judge(worker.series.process, true)) worker.sites = named->sites;
  }
}

}  // namespace mla
