// The history: series, verdicts and notifications of services in one SQLite file.
//
// * WAL: readers never wait for the writer, and `kill -9` loses nothing that was committed.
// * Three levels, every sample added to each: steps of 10 s kept for 6 hours, of 1 minute for 2
//   days, of 15 minutes for 60 days. Then a series is gone.
// * Bounded: SQLite's max_page_count; above 90 % of it the oldest is dropped first.
// * Several processes may use one file. What must happen once is decided in one transaction.
//
// Every function throws HistoryError.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "history/database.h"
#include "history/records.h"
#include "history/steady_time.h"

namespace mla {

struct Level {
  int64_t step_s;
  double keep_s;
};
inline constexpr Level kLevels[] = {{10, 6 * 3600.0}, {60, 48 * 3600.0}, {900, 60 * 86400.0}};
inline constexpr size_t kLevelCount = 3;
inline constexpr size_t kCoarsest = kLevelCount - 1;

inline constexpr uint64_t kDefaultDatabaseBytes = 256ULL << 20;
inline constexpr uint64_t kLeastDatabaseBytes = 1ULL << 20;

class Store {
 public:
  // Opens or creates. `max_bytes`: of the file; its -wal file comes to that, of at most 4 MiB.
  Store(const std::string& file, uint64_t max_bytes);
  // Only to read; the file must exist.
  explicit Store(const std::string& file);
  // A copy in memory, of a file that need not exist: changes go nowhere.
  static std::unique_ptr<Store> scratch(const std::string& file);

  Database& database() { return database_; }

  // Time
  std::optional<SteadyMark> last_mark();
  void save_mark(const SteadyMark& mark);
  // Unix time - steady time, at a steady time.
  double offset_at(double t);
  void add_clock_jump(double t, double offset, double by_s);

  // Series
  std::vector<SeriesRecord> series();
  // With id 0 the record is new and gets one; else process, lifetime, verdict and last_t are
  // stored.
  void save_series(SeriesRecord& record);
  void add_sample(int64_t series, const Sample& sample);
  void add_mark(const Mark& mark);
  std::vector<Mark> marks(double from_t, double to_t);
  // Steps of one level whose begin is in [from_t, to_t), in time order.
  std::vector<Point> points(int64_t series, size_t level, double from_t, double to_t);
  // The finest that is kept, at every time: coarse points, then finer ones.
  std::vector<Point> finest(int64_t series, double from_t, double to_t);
  // Mean RSS of a service's workers by steps of the coarsest level; of all builds if `build` is
  // empty. Keys count steps.
  std::map<int64_t, double> service_level(const ServiceKey& of, double from_t, double to_t);

  // Verdicts
  struct VerdictState {
    std::string verdict = "insufficient";
    std::string candidate;
    int64_t times = 0;  // that the candidate was found in a row
    std::string notified = "insufficient";
  };
  VerdictState verdict_state(const ServiceKey& of);
  void save_verdict_state(const ServiceKey& of, const VerdictState& state);
  // The id, or nothing if there is a change with this `once` already. Empty: no such key.
  std::optional<int64_t> add_change(const Change& change, const std::string& once);
  std::vector<Change> changes(double from_t, double to_t);

  // Notifications
  void enqueue(int64_t change, const std::string& target, double t);
  // Takes one that is due, for no one else to take until `lease_t`.
  std::optional<Delivery> take_due(const std::vector<std::string>& targets, double t,
                                   double lease_t);
  void delivered(int64_t id);
  void retry(int64_t id, double next_t);
  // Gives it up, with a mark that says so.
  void give_up(const Delivery& delivery, double t, const std::string& why);
  size_t waiting();                // notifications
  size_t waiting(int64_t change);  // of this change, a target each
  // When the next one of these targets is due.
  std::optional<double> next_due(const std::vector<std::string>& targets);

  // Drops what is too old, and more while the file is nearly full. Once in a while.
  void prune(double t);
  uint64_t used_bytes();  // of the file's maximum

 private:
  struct InMemory {};
  explicit Store(InMemory);
  void check_file();
  void create();
  void drop_oldest_samples(size_t level);
  bool nearly_full();

  Database database_;
  uint64_t max_bytes_ = 0;
};

}  // namespace mla
