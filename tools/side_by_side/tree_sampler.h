// The memory of a command and everything it started, sampled while it runs.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "comparison/benchmark.h"

namespace mla {

enum class Mappings : uint8_t {
  kUnreadable,
  kNoLibrary,  // no C library: a static program, or one that had only just been started
  kLoaded,
};

// * Memory is the proportional set size (Pss of smaps_rollup: pages shared by several processes
//   are divided among them), swapped pages included. Of a process whose smaps_rollup may not be
//   read it is the resident set size.
// * Sampling takes at most 1/40 of the time, the very beginning apart: the interval grows with what
//   a sample costs, which grows with the memory sampled.
// * Of what happens between two samples the kernel keeps the high-water mark of each process
//   (VmHWM): the peak has it. (ru_maxrss has it too, but inherited from the forking parent.)
class TreeSampler {
 public:
  // `keeper`: the process whose descendants count.
  explicit TreeSampler(pid_t keeper);

  double now() const;  // seconds since the start
  double next_sample() const { return next_; }
  void sample();  // whatever the time
  void sample_if_due();

  bool has_samples() const { return !samples_.empty(); }
  // The largest resident set that any of the processes had, as known after their end.
  void add_high_water(double resident_bytes);
  double peak_bytes() const { return peak_; }
  // Median of the samples in the last tenth of a span of time; of the last sample before its end,
  // if there is none in it. NaN without any.
  double end_of(double from_s, double to_s) const;
  // Bytes x seconds, from the start to `to_s`.
  double integral(double to_s) const;

  // The samples up to `to_s`; of more than `most` the largest of each part of the time.
  std::vector<MemoryPoint> curve(double to_s, size_t most) const;

  bool used_rss() const { return used_rss_; }

  // The process that held most, and the allocator's libraries it had mapped when it held most.
  struct Largest {
    pid_t pid = 0;
    std::string executable;
    std::vector<std::string> libraries;  // paths of shared libraries
    double bytes = 0;
    Mappings state = Mappings::kUnreadable;
  };
  const Largest& largest() const { return largest_; }

 private:
  struct Known {
    uint64_t start_ticks = 0;
    double high_water = 0;
  };
  // Memory of one process now, and how much more it held since it was last looked at.
  struct Held {
    double bytes = 0;
    double more = 0;
    double shared = 0;  // of the resident pages, what is counted to other processes
  };
  Held look_at(pid_t pid, uint64_t start_ticks);
  void look_at_mappings(pid_t pid, double bytes);

  pid_t keeper_;
  double start_;
  double next_ = 0;
  std::vector<MemoryPoint> samples_;
  std::map<pid_t, Known> known_;
  double peak_ = 0;
  double shared_ = 0;            // most that the largest process shared
  std::set<pid_t> strangers_;    // processes of others
  double forget_strangers_ = 0;  // when their pids may be reused
  bool used_rss_ = false;
  Largest largest_;
};

}  // namespace mla
