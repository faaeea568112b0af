// What a side-by-side benchmark has measured: the same command, run under several configurations
// of the allocator, round by round. Values only; compare.h judges them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace mla {

// Memory is that of all processes of the command together.
enum class Measure : uint8_t {
  kPeak,      // bytes: the largest memory
  kSteady,    // bytes: at the end of the load
  kIdle,      // bytes: at the end of the idle time after the load
  kIntegral,  // bytes x seconds: the memory held, summed up over the time it was held
  kCpu,       // seconds of user and system time of all processes
  kWall,      // seconds: of the load, or of the whole run where there is no load
  kMetric,    // what the user's expression found, in the user's unit
};
inline constexpr size_t kMeasureCount = 7;

const char* measure_name(Measure measure);  // "peak", "steady", ...; as options and JSON spell it
std::optional<Measure> measure_of(const std::string& name);
inline bool is_memory(Measure measure) { return measure <= Measure::kIntegral; }

inline constexpr double kNotMeasured = std::numeric_limits<double>::quiet_NaN();

struct MemoryPoint {
  double t_s = 0;  // since the start of the run
  double bytes = 0;
};

class BenchRun {
 public:
  BenchRun() { values_.fill(kNotMeasured); }
  double operator[](Measure m) const { return values_[static_cast<size_t>(m)]; }
  double& operator[](Measure m) { return values_[static_cast<size_t>(m)]; }

  std::vector<MemoryPoint> memory;  // over the run, in time order: for a chart

 private:
  std::array<double, kMeasureCount> values_{};
};

struct BenchConfiguration {
  std::string name;
  std::vector<std::string> environment;       // "VARIABLE=value": what makes this configuration
  bool records = false;                       // it shows what mla costs, and is no candidate
  std::vector<std::optional<BenchRun>> runs;  // by round; empty: it did not run, or failed
  std::string problem;        // why there are no (further) figures, or why they count for nothing
  bool void_figures = false;  // the configuration did not take effect: its figures mean nothing
};

struct Benchmark {
  std::vector<std::string> command;
  std::string ready;
  std::string load;
  double idle_s = 0;
  std::string metric;  // the expression

  std::vector<BenchConfiguration> configurations;  // the first is the baseline
  std::vector<std::string> missing;                // what was asked for and could not be run: why
  std::vector<std::string> notes;                  // what a reader must know of the figures
  uint64_t seed = 1;                               // of the order of the runs and of the bootstrap
  size_t rounds_asked = 0;
  size_t rounds_begun = 0;
  bool interrupted = false;

  Measure judged_memory = Measure::kPeak;
  Measure judged_time = Measure::kCpu;
  bool higher_metric_is_better = true;
  double margin = 0.03;    // relative: a smaller difference is none
  double max_cost = 0.05;  // relative: a recommended configuration may cost so much
};

}  // namespace mla
