// Samples processes, judges them, keeps the history and queues notifications.
//
// * Sampling never waits for more than a second: neither for the history, which may be locked or
//   full (samples then wait in memory, 100,000 of them), nor for a notification, which another
//   thread sends.
// * State is in the history: after `kill -9` and a restart it goes on, and says nothing twice.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "history/store.h"
#include "series/founding.h"
#include "watch/source.h"
#include "watch/window.h"

namespace mla {

struct WatchOptions {
  std::string file;  // of the history
  uint64_t max_bytes = kDefaultDatabaseBytes;
  double every_s = 10;
  bool founding = false;
  FoundingThresholds thresholds;     // excess_ratio counts under either rule
  std::vector<std::string> targets;  // labels to notify
  size_t most_unwritten = 100'000;   // samples in memory
  bool scratch = false;              // nothing is written: the history is copied into memory
};

// A worker as it is now.
struct Worker {
  int64_t number = 0;
  SeriesRecord series;
  bool alive = false;
  Sample last;
  Window window;
  double next_judgement_t = 0;
  SeriesVerdict verdict;
  std::string judged = "insufficient";  // class of the verdict
  std::string decided;  // the last one that was not "insufficient"; of this or an earlier process
  std::map<std::string, uint64_t> ledger;
  std::optional<uint64_t> lost_events;  // of a recorded one, when it was judged
  std::vector<SiteEvidence> sites;
  std::string sampling;  // as of the last Observation
  std::string stop_reason;
};

struct WatchEvents {
  std::function<void(const Change&)> change;        // was stored
  std::function<void(const std::string&)> problem;  // a line for the log
  // A history that was moved is about to be closed: what else has it open must close it first.
  std::function<void()> left = nullptr;
};

class Watcher {
 public:
  // Throws HistoryError where the history can never be used; a locked or full one is tried again.
  Watcher(ProcessSource& source, Clock& clock, WatchOptions options, WatchEvents events);
  ~Watcher();
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;

  void sample();  // once; judges what is due
  void write();   // what could not be written yet; sample() does so too

  const std::map<int64_t, Worker>& workers() const { return workers_; }
  const SteadyTime& time() const { return *time_; }
  Store* store() { return store_.get(); }  // null while it cannot be used
  size_t unwritten() const { return unwritten_.size(); }

 private:
  struct Unwritten {  // a sample or a mark
    int64_t worker = 0;
    std::optional<Sample> sample;
    Mark mark;
  };

  void open();
  void leave();  // the history that is open: it is not at its place any more
  void read_clock();
  void take(const Observation& seen, double t);
  Worker& worker_of(const Observation& seen, double t);
  Worker& resume(const SeriesRecord& known);
  void begin_lifetime(Worker& worker, const Observation& seen, double t);
  void keep(Unwritten what);
  void drop_old_workers(double t);
  void judge_due(double t);
  void judge(Worker& worker);
  void write_all(double t);
  void store_series(Worker& worker);
  void settle(const ServiceKey& of, double t);
  std::string verdict_of(const ServiceKey& of, double t) const;
  std::string evidence_of(const ServiceKey& of, const std::string& verdict) const;
  void compare(double t);
  void compare_days(const ServiceKey& of, double t);
  void compare_releases(const ServiceKey& of, double t);
  void store_change(Change change, const std::string& once);
  void trouble(const std::string& line);

  ProcessSource& source_;
  Clock& clock_;
  WatchOptions options_;
  WatchEvents events_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<SteadyTime> time_;
  ClockReading now_;
  int64_t next_worker_ = 1;
  std::map<int64_t, Worker> workers_;
  std::vector<SeriesRecord> known_;  // of the history, as it was when it was opened
  std::set<ProcessKey> alive_;       // now
  std::deque<Unwritten> unwritten_;
  uint64_t dropped_ = 0;                          // samples for which there was no room in memory
  std::set<ServiceKey> judged_;                   // services to be settled
  std::vector<std::pair<double, double>> jumps_;  // of the clock: t, by; to be written
  std::vector<Change> made_;                      // in the present transaction
  std::vector<int64_t> new_series_;               // workers whose series it made
  int64_t compared_step_ = -1;
  double next_prune_t_ = 0;
  std::string trouble_;  // with the history, as last said
};

}  // namespace mla
