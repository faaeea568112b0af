// What call sites held a while ago, to tell how they grow. By site id, so that it holds from one
// reading of a recording to the next.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "reader/snapshot.h"

namespace mla {

class GrowthLog {
 public:
  // Growth is counted from the middle of what is recorded so far: known of sites with a history,
  // and of those that came later. The others count from this snapshot on.
  void begin(const Snapshot& snapshot);
  // ... from this snapshot on, for all.
  void restart(const Snapshot& snapshot);
  // The latest snapshot; t_ns its time, since the start of the recording.
  void add(const Snapshot& snapshot, uint64_t t_ns);

  uint64_t since_ns() const { return since_ns_; }
  // Bytes since since_ns().
  double growth(const Site& site) const;
  // Bytes per hour over the last minute that was seen; over since_ns() until 10 s were seen.
  // Nothing where no time has passed.
  std::optional<double> rate(const Site& site) const;
  // So is the rate's stretch, in seconds.
  double rate_seconds() const;

 private:
  struct Seen {
    uint64_t t_ns = 0;
    std::vector<uint64_t> live;  // by site id
  };
  static std::vector<uint64_t> live_by_id(const Snapshot& snapshot);

  uint64_t since_ns_ = 0;
  uint64_t now_ns_ = 0;
  std::vector<uint64_t> base_;  // live bytes at since_ns_, by site id
  std::deque<Seen> seen_;       // at least 10 s apart, over the last minute
};

}  // namespace mla
