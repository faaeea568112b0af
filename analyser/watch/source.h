// What a watcher looks at: processes, and clocks. Interfaces, so that two days pass in a test
// within seconds through the same code.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "history/records.h"
#include "history/steady_time.h"
#include "verdict/verdict.h"

namespace mla {

// A process at one moment.
struct Observation {
  ProcessKey process;
  ServiceKey of;
  std::string command;
  double age_s = 0;  // of the process
  bool recorded = false;
  uint64_t rss_bytes = 0;
  std::optional<uint64_t> live_bytes;  // of a recorded process
  std::string sampling;     // of sampling_name(), also of a recording that has stopped; empty: none
  std::string stop_reason;  // of stop_name()
  std::string recording;    // its file; empty: none
};

struct SiteEvidence {
  std::string stack;  // in one line
  double bytes_per_hour = 0;
};

// What a recording says of its process.
struct RecordingVerdict {
  SeriesVerdict verdict;
  std::vector<SiteEvidence> sites;         // those that leak, the fastest first; when asked for
  std::map<std::string, uint64_t> ledger;  // buckets of RSS, when the process has looked
  uint64_t lost_events = 0;
};

class ProcessSource {
 public:
  virtual ~ProcessSource() = default;
  // The processes watched that are alive now.
  virtual std::vector<Observation> observe() = 0;
  // Nothing where there is no recording that can be read. `with_sites` looks names up, which takes
  // time.
  virtual std::optional<RecordingVerdict> judge(const ProcessKey& process, bool with_sites) = 0;
};

class Clock {
 public:
  virtual ~Clock() = default;
  virtual ClockReading now() = 0;
  virtual double cpu_s() = 0;  // that this process has used
};

class SystemClock : public Clock {
 public:
  SystemClock();
  ClockReading now() override;
  double cpu_s() override;

 private:
  std::string boot_id_;
};

}  // namespace mla
