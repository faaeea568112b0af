// The processes of a name, side by side. Finds, samples and judges them as mla watch does.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "history/records.h"
#include "top/descriptors.h"
#include "top/pace.h"
#include "verdict/verdict.h"
#include "watch/window.h"
#include "watching/process_source.h"

namespace mla {

struct TopWorker {
  ProcessKey process;
  std::string service;
  std::string command;
  bool alive = true;
  std::string ended;      // of one that is gone: "killed", "exited", "gone"
  std::string recording;  // path; empty: it is not recorded
  double first_seen_s = 0;
  double age_s = 0;
  uint64_t rss_bytes = 0;
  std::optional<uint64_t> live_bytes;
  ProcessCounts counts;
  std::optional<SeriesVerdict> verdict;
  Window window;  // since mla top began
};

class WorkersModel {
 public:
  static constexpr double kJudgeShare = 0.02;  // of a core
  static constexpr double kCountShare = 0.01;  // of a core
  static constexpr size_t kMostEnded = 20;     // kept in the list

  explicit WorkersModel(std::string name);

  // Samples; judges and counts what is due.
  void refresh(double now_s);

  const std::string& name() const { return name_; }
  // Those that live, by pid, then those that have ended, the last one first.
  std::vector<const TopWorker*> rows() const;
  const TopWorker* find(const ProcessKey& process) const;
  // The first living recorded worker that was first seen after this moment; null: none.
  const TopWorker* newcomer_since(double now_s) const;

 private:
  void end(TopWorker& worker);
  void judge(TopWorker& worker);

  std::string name_;
  HostProcesses processes_;
  std::map<ProcessKey, TopWorker> workers_;
  std::vector<ProcessKey> ended_;  // in their order
  std::map<ProcessKey, double> judged_s_;
  Pace judging_{0, kJudgeShare};
  Pace counting_{2, kCountShare};
};

}  // namespace mla
