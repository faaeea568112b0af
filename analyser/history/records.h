// What the history keeps. Times are steady (see steady_time.h), in seconds, memory in bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace mla {

// A service on a host in one build: what is compared with itself.
struct ServiceKey {
  std::string service;
  std::string host;
  std::string build;

  friend bool operator==(const ServiceKey&, const ServiceKey&) = default;
  // NOLINTNEXTLINE(modernize-use-nullptr): false, of what a defaulted comparison is made of
  friend auto operator<=>(const ServiceKey&, const ServiceKey&) = default;
};

// One worker of it. A restarted worker goes on in the series of the one it replaces: that of the
// same command line whose process is gone.
struct SeriesKey {
  ServiceKey of;
  std::string command;
  int64_t slot = 0;  // among workers of the same command line

  friend bool operator==(const SeriesKey&, const SeriesKey&) = default;
  // NOLINTNEXTLINE(modernize-use-nullptr): false, of what a defaulted comparison is made of
  friend auto operator<=>(const SeriesKey&, const SeriesKey&) = default;
};

struct ProcessKey {
  uint32_t pid = 0;
  uint64_t start_ticks = 0;  // with the pid it names one process of a boot

  friend bool operator==(const ProcessKey&, const ProcessKey&) = default;
  // NOLINTNEXTLINE(modernize-use-nullptr): false, of what a defaulted comparison is made of
  friend auto operator<=>(const ProcessKey&, const ProcessKey&) = default;
};

struct SeriesRecord {
  int64_t id = 0;
  SeriesKey key;
  bool recorded = false;    // by libmla.so: live bytes are known
  ProcessKey process;       // the last one
  double lifetime_t = 0;    // when it was first seen
  bool from_start = false;  // the first process was seen when it was young
  double first_t = 0;
  double last_t = 0;
  std::string verdict = "insufficient";  // of the last process
};

struct Sample {
  double t = 0;
  uint64_t rss_bytes = 0;
  std::optional<uint64_t> live_bytes;
};

// A mean over one step of a level of the history.
struct Point {
  double t = 0;  // begin of the step
  double rss_bytes = 0;
  double rss_min = 0;
  double rss_max = 0;
  std::optional<double> live_bytes;
  int64_t samples = 0;
};

enum class MarkKind {
  kStart,        // of watching a process: a restart, if the series had one before
  kEnd,          // the process is gone
  kClock,        // the wall clock was set
  kLost,         // samples could not be stored
  kUndelivered,  // a notification was given up
};
const char* mark_name(MarkKind kind);  // "start", ...

struct Mark {
  MarkKind kind = MarkKind::kStart;
  double t = 0;
  int64_t series = 0;  // 0: of none
  std::string detail;
};

enum class ChangeKind { kVerdict, kDay, kRelease };
const char* change_name(ChangeKind kind);  // "verdict", "day", "release"

// A change of a verdict, or memory above that of yesterday or of the release before.
struct Change {
  int64_t id = 0;
  ChangeKind kind = ChangeKind::kVerdict;
  double t = 0;
  double wall_s = 0;
  ServiceKey of;
  std::string before;  // verdict
  std::string verdict;
  std::string evidence;  // JSON
  bool notified = false;
};

// A notification on its way.
struct Delivery {
  int64_t id = 0;
  std::string target;  // its label
  int64_t attempts = 0;
  double created_t = 0;
  Change change;
};

}  // namespace mla
