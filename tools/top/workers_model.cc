#include "top/workers_model.h"

#include <algorithm>
#include <set>

#include "reader/error.h"
#include "reader/names.h"
#include "reader/reader.h"
#include "watch/rss_verdict.h"

namespace mla {
namespace {

constexpr double kJudgeAgainS = 5;

}  // namespace

WorkersModel::WorkersModel(std::string name) : name_(std::move(name)), processes_({name_}, "") {}

void WorkersModel::refresh(double now_s) {
  std::set<ProcessKey> alive;
  for (const Observation& seen : processes_.observe()) {
    alive.insert(seen.process);
    const auto [entry, added] = workers_.try_emplace(seen.process);
    TopWorker& worker = entry->second;
    if (added) worker.first_seen_s = now_s;
    worker.process = seen.process;
    if (!worker.alive) {  // it executed another program, and then this one
      worker.alive = true;
      ended_.erase(std::find(ended_.begin(), ended_.end(), seen.process));
    }
    worker.service = seen.of.service;
    if (worker.command != seen.command) worker.recording.clear();
    worker.command = seen.command;
    worker.age_s = seen.age_s;
    worker.rss_bytes = seen.rss_bytes;
    worker.live_bytes = seen.live_bytes;
    if (!seen.recording.empty()) worker.recording = seen.recording;
    worker.window.add(Sample{now_s, seen.rss_bytes, seen.live_bytes});
  }
  for (auto& [process, worker] : workers_) {
    if (worker.alive && !alive.contains(process)) end(worker);
  }
  while (ended_.size() > kMostEnded) {
    workers_.erase(ended_.front());
    judged_s_.erase(ended_.front());
    ended_.erase(ended_.begin());
  }
  if (counting_.is_due(now_s)) {
    const double began = thread_cpu_s();
    CountReader reader;
    for (const ProcessKey& process : alive) {
      workers_[process].counts = reader.read(static_cast<pid_t>(process.pid));
    }
    counting_.done(now_s, thread_cpu_s() - began);
  }
  // Those never judged first, then the one judged longest ago.
  std::vector<std::pair<double, ProcessKey>> due;
  for (const ProcessKey& process : alive) {
    const auto last = judged_s_.find(process);
    if (last == judged_s_.end()) {
      due.emplace_back(-1, process);
    } else if (now_s >= last->second + kJudgeAgainS) {
      due.emplace_back(last->second, process);
    }
  }
  std::sort(due.begin(), due.end());
  for (const auto& [last_s, process] : due) {
    if (last_s >= 0 && !judging_.is_due(now_s)) break;
    const double began = thread_cpu_s();
    judge(workers_[process]);
    judged_s_[process] = now_s;
    judging_.done(now_s, thread_cpu_s() - began);
  }
}

void WorkersModel::end(TopWorker& worker) {
  worker.alive = false;
  worker.ended = "gone";
  worker.counts = {};
  ended_.push_back(worker.process);
  if (worker.recording.empty()) return;
  try {
    const Snapshot snapshot = read_snapshot(worker.recording);
    worker.ended = status_name(snapshot.status);
    worker.live_bytes = snapshot.totals.live_bytes + snapshot.totals.mapped_bytes;
  } catch (const Error&) {  // NOLINT(bugprone-empty-catch): the file is gone, too
  }
}

void WorkersModel::judge(TopWorker& worker) {
  if (!worker.recording.empty()) {
    if (auto recorded = processes_.judge(worker.process, false)) {
      worker.verdict = std::move(recorded->verdict);
      return;
    }
  }
  const std::vector<double>& t_s = worker.window.t_s();
  worker.verdict = rss_verdict(t_s, worker.window.rss_bytes());
}

std::vector<const TopWorker*> WorkersModel::rows() const {
  std::vector<const TopWorker*> rows;
  for (const auto& [process, worker] : workers_) {
    if (worker.alive) rows.push_back(&worker);
  }
  for (auto process = ended_.rbegin(); process != ended_.rend(); ++process) {
    rows.push_back(&workers_.at(*process));
  }
  return rows;
}

const TopWorker* WorkersModel::find(const ProcessKey& process) const {
  const auto found = workers_.find(process);
  return found == workers_.end() ? nullptr : &found->second;
}

const TopWorker* WorkersModel::newcomer_since(double now_s) const {
  const TopWorker* first = nullptr;
  for (const auto& [key, worker] : workers_) {
    if (!worker.alive || worker.recording.empty() || worker.first_seen_s <= now_s) continue;
    if (first == nullptr || worker.first_seen_s < first->first_seen_s) first = &worker;
  }
  return first;
}

}  // namespace mla
