// A watcher with its log and its notifications, as `mla watch` and `mla run --watch` run it.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "notify/outbox.h"
#include "watch/watcher.h"

namespace mla {

struct WatchSettings {
  std::string file;  // of the history; empty: the default
  uint64_t megabytes = kDefaultDatabaseBytes >> 20;
  double every_s = 10;
  bool founding = false;
  bool dry_run = false;
  FoundingThresholds thresholds;
  std::vector<std::string> notify;  // KIND:TARGET
  std::string message;              // a template, or @FILE
  std::string link;
  double first_retry_s = 5;
  double time_limit_s = kTimeLimitSeconds;
};

// The options that both commands have: --db and --notify and what belongs to it.
void add_history_option(CLI::App& command, std::string& file);
void add_notify_options(CLI::App& command, WatchSettings& settings);

// $XDG_STATE_HOME/mla/history.db, else ~/.local/state/mla/history.db; its directory is made.
// Throws Error.
std::string default_history_file();

class WatchSession {
 public:
  // Changes are printed to `out`, problems to standard error. Throws Error.
  WatchSession(ProcessSource& source, const WatchSettings& settings, std::ostream& out);

  Watcher& watcher() { return watcher_; }
  void sample();
  // What waits is tried for so long; the rest stays in the history.
  void finish(double seconds);

 private:
  void print(const Change& change);
  void start_sender();

  std::ostream& out_;
  SystemClock clock_;
  WatchOptions options_;
  OutboxOptions outbox_;
  Watcher watcher_;
  bool dry_run_;
  bool changed_ = true;
  bool no_thread_said_ = false;
  std::unique_ptr<Sender> sender_;
};

}  // namespace mla
