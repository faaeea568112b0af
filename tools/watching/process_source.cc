#include "watching/process_source.h"

#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <set>

#include "ledger/ledger.h"
#include "reader/error.h"
#include "reader/names.h"
#include "reader/process.h"
#include "reader/reader.h"
#include "symbols/symbolizer.h"
#include "verdict/process_verdict.h"
#include "watching/identity.h"
#include "words.h"

namespace mla {
namespace {

// A program this young may still take another name or title.
constexpr double kYoungS = 10;
// A worker that is idle since its start begins its recording with the first request.
constexpr double kLookAgainS = 5;  // doubled each time: there may be thousands of recordings
constexpr double kLongestWaitS = 60;
constexpr size_t kSites = 3;
constexpr size_t kFrames = 6;

std::optional<pid_t> parse_pid(const std::string& text) {
  pid_t pid = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), pid);
  if (error != std::errc() || end != text.data() + text.size() || pid <= 0) return std::nullopt;
  return pid;
}

std::string first_line(const std::string& path) {
  std::ifstream in(path);
  std::string line;
  std::getline(in, line);
  return line;
}

std::optional<uint64_t> resident_pages_bytes(pid_t pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/statm");
  uint64_t size = 0;
  uint64_t pages = 0;
  if (!(in >> size >> pages)) return std::nullopt;
  return pages * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

double age_of(uint64_t start_ticks) {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  return static_cast<double>(now.tv_sec) - static_cast<double>(start_ticks) / ticks;
}

std::optional<ProcessStat> running(pid_t pid) {
  const auto stat = read_process_stat(static_cast<uint32_t>(pid));
  if (!stat || stat->state == 'Z' || stat->state == 'X') return std::nullopt;
  return stat;
}

}  // namespace

HostProcesses::HostProcesses(const std::vector<std::string>& targets, std::string build)
    : build_(std::move(build)), host_(host_name()) {
  for (const std::string& target : targets) {
    const auto pid = parse_pid(target);
    if (!pid) {
      names_.push_back(target);
      continue;
    }
    const auto stat = running(*pid);
    if (!stat) {
      throw Error("pid " + target, "no such process",
                  "give a pid that runs, or the name of a "
                  "service");
    }
    pids_.push_back({static_cast<uint32_t>(*pid), stat->start_ticks});
  }
}

std::vector<pid_t> HostProcesses::candidates() const {
  std::set<pid_t> pids;
  for (const ProcessKey& process : pids_) pids.insert(static_cast<pid_t>(process.pid));
  for (const RecordingFile& file : followed_now_) pids.insert(static_cast<pid_t>(file.pid));
  DIR* const directory = names_.empty() ? nullptr : opendir("/proc");
  while (directory != nullptr) {
    const dirent* entry = readdir(directory);  // NOLINT(concurrency-mt-unsafe): a stream of its own
    if (entry == nullptr) break;
    const auto pid = parse_pid(entry->d_name);
    if (pid && *pid != getpid()) pids.insert(*pid);
  }
  if (directory != nullptr) closedir(directory);
  return {pids.begin(), pids.end()};
}

bool HostProcesses::is_watched(pid_t pid, const std::string& service,
                               const std::string& program) const {
  const std::string comm = first_line("/proc/" + std::to_string(pid) + "/comm");
  return std::any_of(names_.begin(), names_.end(), [&](const std::string& name) {
    return name == service || name == comm || name == program.substr(program.rfind('/') + 1) ||
           name == service.substr(0, service.rfind('.'));
  });
}

std::string HostProcesses::recording_of(pid_t pid) const {
  std::string newest;  // they are in order of their start
  for (const RecordingFile& file : followed_now_) {
    if (file.pid == static_cast<uint32_t>(pid)) newest = file.path;
  }
  return newest.empty() ? find_recording(std::to_string(pid)) : newest;
}

void HostProcesses::identify(pid_t pid, const ProcessKey& process, double age_s, Known& known) {
  const std::vector<std::string> arguments = command_line_of(pid);
  std::error_code ignored;
  const std::string program =
      std::filesystem::read_symlink("/proc/" + std::to_string(pid) + "/exe", ignored).string();
  const bool by_pid = std::find(pids_.begin(), pids_.end(), process) != pids_.end();
  // None: a thread of the kernel, a program that wiped them, or one that is just being executed.
  if (arguments.empty() && (!by_pid || program.empty())) {
    known.settled = program.empty() && age_s - known.began_s > kYoungS;
    return;
  }
  known.settled = age_s - known.began_s > kYoungS;
  const std::string service = service_of(arguments, program);
  if (by_pid) pid_services_.insert(service);
  const bool followed = !followed_now_.empty() && pid_services_.contains(service);
  known.watched = by_pid || followed || is_watched(pid, service, program);
  if (!known.watched) return;
  known.of = {service, host_, build_.empty() ? build_of(pid, arguments) : build_};
  known.command = command_of(arguments);
}

void HostProcesses::look_for_recording(pid_t pid, double age_s, Known& known) {
  if (known.live && !known.live->is_alive()) {
    known.live.reset();
    known.recording.clear();
    known.look_again_s = 0;
  }
  const bool young = age_s - known.began_s <= kYoungS;
  if (known.live || (!young && age_s < known.look_again_s)) return;
  known.look_wait_s =
      young ? kLookAgainS : std::clamp(2 * known.look_wait_s, kLookAgainS, kLongestWaitS);
  known.look_again_s = age_s + known.look_wait_s;
  try {
    known.recording = recording_of(pid);
    known.live = LiveRecording::open(known.recording, true);
  } catch (const Error&) {  // NOLINT(bugprone-empty-catch): it is not recorded
  }
  if (!known.live) known.recording.clear();
}

std::vector<Observation> HostProcesses::observe() {
  std::vector<Observation> seen;
  std::set<ProcessKey> alive;
  if (!followed_.empty()) followed_now_ = list_recordings({followed_});
  for (const pid_t pid : candidates()) {
    const auto stat = running(pid);
    if (!stat) continue;
    const ProcessKey process{static_cast<uint32_t>(pid), stat->start_ticks};
    alive.insert(process);
    Known& known = known_[process];
    const double age_s = age_of(stat->start_ticks);
    if (known.stack_start != stat->stack_start) {
      known.began_s = known.stack_start == 0 ? 0 : age_s;
      known.stack_start = stat->stack_start;
      known.settled = false;
      known.look_again_s = 0;
    }
    if (!known.settled) identify(pid, process, age_s, known);
    if (!known.watched) continue;
    look_for_recording(pid, age_s, known);
    Observation one{process, known.of, known.command,  age_s, false, 0, std::nullopt,
                    {},      {},       known.recording};
    const auto figures = known.live ? known.live->tick() : std::nullopt;
    if (figures) {
      one.recorded = true;
      one.rss_bytes = figures->rss_bytes;
      one.live_bytes = figures->live_bytes;
    } else if (const auto rss = resident_pages_bytes(pid)) {
      one.rss_bytes = *rss;
    } else {
      continue;
    }
    if (known.live && known.live->is_alive()) {
      one.sampling = sampling_name(sampling_mode(known.live->sampling()));
      one.stop_reason = stop_name(known.live->stop_reason());
    }
    seen.push_back(std::move(one));
  }
  std::erase_if(known_, [&alive](const auto& entry) { return !alive.contains(entry.first); });
  any_alive_ = !seen.empty() || std::any_of(pids_.begin(), pids_.end(), [&](const auto& process) {
    return alive.contains(process);
  });
  return seen;
}

bool HostProcesses::is_over() const { return names_.empty() && !any_alive_; }

std::optional<RecordingVerdict> HostProcesses::judge(const ProcessKey& process, bool with_sites) {
  const auto known = known_.find(process);
  if (known == known_.end() || !known->second.live) return std::nullopt;
  try {
    const Snapshot snapshot = read_snapshot(known->second.recording);
    const ProcessVerdict found = process_verdict(snapshot);
    RecordingVerdict result{found.process, {}, {}, snapshot.totals.lost_events};
    if (!snapshot.ledger.empty()) {
      const Ledger ledger = make_ledger(snapshot, last_recorded_memory(snapshot));
      for (size_t i = 0; i < kBucketKinds; ++i) {
        result.ledger[bucket_name(static_cast<BucketKind>(i))] = ledger.buckets[i];
      }
    }
    if (!with_sites) return result;
    Symbolizer symbolizer(snapshot);
    for (const SiteVerdict& site : found.sites) {
      if (site.verdict.verdict != VerdictClass::kLeak || result.sites.size() >= kSites) break;
      result.sites.push_back({one_line_stack(symbolizer, snapshot.sites[site.site_index], kFrames),
                              site.verdict.rate.value});
    }
    return result;
  } catch (const Error&) {
    return std::nullopt;  // then by what was sampled
  }
}

}  // namespace mla
