#include "side_by_side/tree_sampler.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <limits>
#include <sstream>

#include "comparison/interval.h"
#include "reader/regular_file.h"
#include "side_by_side/process_table.h"

namespace mla {
namespace {

constexpr double kShortestInterval = 0.001;
constexpr double kLongestInterval = 0.05;  // unless a sample costs more than it may
constexpr double kSamplesPerAge = 100;     // a run of 1 s is worth a sample every 10 ms
constexpr double kCostFactor = 40;
constexpr double kForgetSeconds = 2;  // pids are not reused sooner, with 32768 of them
// A process whose memory grew by so much has probably begun to be another program.
constexpr double kLookAgain = 1.3;

double monotonic_seconds() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

// "Pss:     123 kB" in bytes; 0 if there is no such line.
double kilobytes(const std::string& text, const char* name) {
  const std::string line_start = std::string("\n") + name + ":";
  const size_t at = text.find(line_start);
  if (at == std::string::npos) return 0;
  return std::strtod(text.c_str() + at + line_start.size(), nullptr) * 1024;
}

// What cannot be read of a process that is about to end is no matter of permission.
bool has_memory(pid_t pid) {
  return kilobytes(read_regular_file("/proc/" + std::to_string(pid) + "/status"), "VmRSS") != 0;
}

// A process that executes another program just then has nothing to read, and has the next time.
std::string read_memory_file(pid_t pid, const char* name) {
  std::string text;
  for (int attempt = 0; attempt < 3 && text.empty(); ++attempt) {
    text = read_regular_file("/proc/" + std::to_string(pid) + "/" + name);
  }
  return text;
}

}  // namespace

TreeSampler::TreeSampler(pid_t keeper) : keeper_(keeper), start_(monotonic_seconds()) {}

double TreeSampler::now() const { return monotonic_seconds() - start_; }

TreeSampler::Held TreeSampler::look_at(pid_t pid, uint64_t start_ticks) {
  const std::string directory = "/proc/" + std::to_string(pid);
  const std::string status = read_regular_file(directory + "/status");
  const double resident = kilobytes(status, "VmRSS");
  if (resident == 0) return {};
  const std::string rollup = read_memory_file(pid, "smaps_rollup");
  Held held;
  if (rollup.empty()) {
    if (!has_memory(pid)) return {};
    used_rss_ = true;
    held.bytes = resident + kilobytes(status, "VmSwap");
  } else {
    held.bytes = kilobytes(rollup, "Pss") + kilobytes(rollup, "SwapPss");
    held.shared = std::max(0.0, kilobytes(rollup, "Rss") - kilobytes(rollup, "Pss"));
  }
  Known& known = known_[pid];
  if (known.start_ticks != start_ticks) known = {start_ticks, 0};
  const double high_water = kilobytes(status, "VmHWM");
  if (high_water > known.high_water) {
    held.more = std::max(0.0, high_water - resident);
    known.high_water = high_water;
  }
  return held;
}

void TreeSampler::look_at_mappings(pid_t pid, double bytes) {
  const std::string directory = "/proc/" + std::to_string(pid);
  const std::string maps = read_memory_file(pid, "maps");
  if (maps.empty() && !has_memory(pid)) return;
  largest_ = {};
  largest_.pid = pid;
  largest_.bytes = bytes;
  char* executable = realpath((directory + "/exe").c_str(), nullptr);
  if (executable != nullptr) largest_.executable = executable;
  std::free(executable);  // NOLINT(cppcoreguidelines-no-malloc): realpath's contract
  std::istringstream lines(maps);
  std::string line;
  while (std::getline(lines, line)) {
    const size_t path = line.find('/');
    if (path == std::string::npos || line.find(".so", path) == std::string::npos) continue;
    const std::string library = line.substr(path);
    if (largest_.libraries.empty() || largest_.libraries.back() != library) {
      largest_.libraries.push_back(library);
    }
  }
  // The dynamic linker maps what is preloaded first, and the C library after it.
  const auto has = [&maps](const char* name) { return maps.find(name) != std::string::npos; };
  largest_.state = maps.empty()                         ? Mappings::kUnreadable
                   : has("/libc.so") || has("/ld-musl") ? Mappings::kLoaded
                                                        : Mappings::kNoLibrary;
}

void TreeSampler::sample() {
  const double begun = now();
  double sum = 0;
  double more = 0;
  // What is mapped is read again now and then: the first look may have come before the libraries.
  const bool again = (samples_.size() & (samples_.size() - 1)) == 0;
  if (begun >= forget_strangers_) {
    strangers_.clear();
    forget_strangers_ = begun + kForgetSeconds;
  }
  for (const Process& process : descendants(keeper_, &strangers_)) {
    if (process.state == 'Z') continue;
    const Held held = look_at(process.pid, process.start_ticks);
    sum += held.bytes;
    // High-water marks of several processes need not have come together: the largest one has come.
    more = std::max(more, held.more);
    if (process.pid == largest_.pid) shared_ = std::max(shared_, held.shared);
    if (held.bytes > largest_.bytes * kLookAgain ||
        (again && process.pid == largest_.pid && held.bytes > 0)) {
      look_at_mappings(process.pid, held.bytes);
    }
  }
  const double ended = now();
  const double interval = std::clamp(ended / kSamplesPerAge, kShortestInterval, kLongestInterval);
  // A young process is sampled whatever it costs, a quarter of its age later each time: a short run
  // has figures of its last fifth, and ten samples each time its age grows tenfold are not many.
  next_ = ended + std::max(interval, std::min(kCostFactor * (ended - begun), ended / 4));
  if (sum == 0) return;
  samples_.push_back({begun, sum});
  peak_ = std::max(peak_, sum + more);
}

void TreeSampler::add_high_water(double resident_bytes) {
  if (!samples_.empty()) peak_ = std::max(peak_, resident_bytes - shared_);
}

void TreeSampler::sample_if_due() {
  if (now() >= next_) sample();
}

double TreeSampler::end_of(double from_s, double to_s) const {
  std::vector<double> last;
  for (const MemoryPoint& sample : samples_) {
    if (sample.t_s > to_s) break;
    if (sample.t_s >= to_s - (to_s - from_s) / 10) last.push_back(sample.bytes);
  }
  if (!last.empty()) return median(last);
  double before = std::numeric_limits<double>::quiet_NaN();
  for (const MemoryPoint& sample : samples_) {
    if (sample.t_s <= to_s) before = sample.bytes;
  }
  return before;
}

double TreeSampler::integral(double to_s) const {
  if (samples_.empty()) return std::numeric_limits<double>::quiet_NaN();
  double sum = 0;
  double t = 0;
  double bytes = samples_.front().bytes;
  for (const MemoryPoint& sample : samples_) {
    const double here = std::min(sample.t_s, to_s);
    sum += (here - t) * (bytes + sample.bytes) / 2;
    t = here;
    bytes = sample.bytes;
  }
  return sum + (to_s - t) * bytes;
}

std::vector<MemoryPoint> TreeSampler::curve(double to_s, size_t most) const {
  std::vector<MemoryPoint> points;
  size_t last_part = 0;
  for (const MemoryPoint& sample : samples_) {
    if (sample.t_s > to_s) break;
    const auto part = static_cast<size_t>(static_cast<double>(most) * sample.t_s / to_s);
    if (samples_.size() <= most || points.empty() || part != last_part) {
      points.push_back(sample);
    } else if (sample.bytes > points.back().bytes) {
      points.back() = sample;
    }
    last_part = part;
  }
  return points;
}

}  // namespace mla
