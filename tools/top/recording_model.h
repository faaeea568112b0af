// One recording, of a living or a dead process, as mla top follows it: read again and again, at a
// bounded cost, and without asking the process for anything.
//
// * RSS and live bytes are read every time: from /proc and from the header of the recording.
// * Call sites, timeline and ledger are read from the file, the verdict is made of them: each at
//   most once a second or every few, and seldom enough to take at most kReadShare and kJudgeShare
//   of a core, however large the recording is.
// * Of a process that ends the last state is kept: it is in the file.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ledger/ledger.h"
#include "live_recording.h"
#include "reader/snapshot.h"
#include "top/growth_log.h"
#include "top/pace.h"
#include "top/site_names.h"
#include "verdict/process_verdict.h"

namespace mla {

enum class SiteRank { kLive, kGrowth, kRate };
const char* rank_name(SiteRank rank);  // "live bytes", "growth", "rate"

class RecordingModel {
 public:
  static constexpr double kReadShare = 0.03;   // of a core
  static constexpr double kJudgeShare = 0.01;  // of a core

  // Reads the file. Throws Error.
  explicit RecordingModel(std::string path);

  // What is due by now, in seconds of any steady clock. True if something new is to be seen.
  bool refresh(double now_s);

  const std::string& path() const { return path_; }
  const Snapshot& snapshot() const { return *snapshot_; }
  bool is_alive() const { return alive_; }
  uint64_t rss_bytes() const { return rss_bytes_; }    // of a dead process: as last recorded
  uint64_t live_bytes() const { return live_bytes_; }  // heap and mappings
  uint64_t now_ns() const { return now_ns_; }          // since the start of the recording
  uint64_t read_ns() const { return read_ns_; }        // when the call sites were read
  const std::optional<Ledger>& ledger() const { return ledger_; }
  const SeriesVerdict& verdict() const { return verdict_; }
  // Of a call site that leaks or grows; else null.
  const SeriesVerdict* verdict_of(const Site& site) const;
  GrowthLog& growth() { return growth_; }
  SiteNames& names() { return names_; }

  // Indexes of snapshot().sites, largest first; sites that hold nothing and have not changed are
  // left out.
  std::vector<uint32_t> ranked(SiteRank rank) const;

 private:
  void read(double now_s);
  void judge(double now_s);

  std::string path_;
  std::unique_ptr<Snapshot> snapshot_;
  std::unique_ptr<LiveRecording> live_;
  SiteNames names_;  // of snapshot_
  GrowthLog growth_;
  bool alive_ = false;
  uint64_t rss_bytes_ = 0;
  uint64_t live_bytes_ = 0;
  uint64_t now_ns_ = 0;
  uint64_t read_ns_ = 0;
  std::optional<Ledger> ledger_;
  SeriesVerdict verdict_;
  std::map<uint32_t, SeriesVerdict> site_verdicts_;  // by site id
  Pace reading_{1, kReadShare};
  Pace judging_{5, kJudgeShare};
};

}  // namespace mla
