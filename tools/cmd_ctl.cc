// mla ctl: how densely a running process records.
#include <algorithm>
#include <chrono>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "commands.h"
#include "format/format.h"
#include "live_recording.h"
#include "reader/directory.h"
#include "reader/error.h"
#include "reader/reader.h"
#include "report/recording_words.h"
#include "report/units.h"
#include "sampling_words.h"
#include "validators.h"
#include "watching/process_source.h"

namespace mla {
namespace {

struct Options {
  std::string recording;
  std::string name;
  std::string sampling;
  double wait_s = 1;
};

std::string describe(uint64_t interval) {
  if (interval == format::kExactInterval) return "records every allocation";
  if (interval == format::kOffInterval) return "records nothing";
  return "records one allocation in " + human_bytes(interval) + " on average";
}

[[noreturn]] void refuse(const std::string& recording, const std::string& path) {
  const std::string stopped = stopped_sentence(read_snapshot(path));
  if (!stopped.empty()) {
    throw Error(recording, stopped,
                "a stopped recording does not go on: remove the cause, and restart the process");
  }
  throw Error(recording, "is not being recorded",
              "name a living process of `mla ps`; a finished recording cannot be changed");
}

// Those to ask, and the processes of the same name that there is nothing to ask of.
struct Asked {
  std::vector<std::unique_ptr<LiveRecording>> recordings;
  std::vector<pid_t> unrecorded;
};

// True if all record so, at the latest after the wait: a process takes a request up when it next
// allocates.
bool control(const Asked& asked, uint64_t interval, double wait_s) {
  const auto& recordings = asked.recordings;
  for (const auto& recording : recordings) recording->request_sampling(interval);
  const auto has_changed = [interval](const std::unique_ptr<LiveRecording>& recording) {
    return recording->sampling() == interval;
  };
  const auto records = [](const std::unique_ptr<LiveRecording>& recording) {
    return recording->is_alive() && recording->stop_reason() == format::StopReason::kNone;
  };
  const auto is_decided = [&](const std::unique_ptr<LiveRecording>& recording) {
    return !records(recording) || has_changed(recording);
  };
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(wait_s);
  while (!std::all_of(recordings.begin(), recordings.end(), is_decided) &&
         std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  bool all = asked.unrecorded.empty();
  for (const auto& recording : recordings) {
    const bool living = records(recording);
    std::cout << "process " << recording->pid() << ' '
              << (living ? describe(recording->sampling()) : "is recorded no more");
    if (living && !has_changed(recording)) {
      std::cout << "; asked to change, it will when it next allocates";
    }
    std::cout << '\n';
    all = all && living && has_changed(recording);
  }
  for (const pid_t pid : asked.unrecorded) {
    std::cout << "process " << pid << " is not recorded, or not yet: it was not asked\n";
  }
  return all;
}

Asked who_is_asked(const Options& options) {
  Asked asked;
  auto& recordings = asked.recordings;
  if (options.name.empty()) {
    const std::string path = find_recording(options.recording);
    recordings.push_back(LiveRecording::open(path));
    if (recordings.back() == nullptr) refuse(options.recording, path);
    return asked;
  }
  HostProcesses processes({options.name}, "");
  for (const Observation& seen : processes.observe()) {
    std::unique_ptr<LiveRecording> recording;
    if (seen.recorded) {
      recording = LiveRecording::open(find_recording(std::to_string(seen.process.pid)));
    }
    if (recording != nullptr) {
      recordings.push_back(std::move(recording));
    } else {
      asked.unrecorded.push_back(static_cast<pid_t>(seen.process.pid));
    }
  }
  if (recordings.empty()) {
    throw Error("--name", "no process of '" + options.name + "' is being recorded",
                "look at mla ps; the name is that of mla top --name and mla watch");
  }
  return asked;
}

}  // namespace

void add_ctl(CLI::App& app, int& exit_code) {
  const auto options = std::make_shared<Options>();
  CLI::App& command = add_command(
      app, "ctl", "Change how densely a running process records",
      "mla ctl PID|--name NAME --sample BYTES|exact|off [--wait SECONDS]",
      "Exit codes: 0 asked, 2 usage or nothing to ask; with --wait 3: not taken up in time, "
      "or not by all.\n"
      "\nExamples:\n  mla ctl 4711 --sample 64K\n"
      "  mla ctl 4711 --sample exact --wait 10\n"
      "  mla ctl --name run_server.py --sample off");
  CLI::Option* recording =
      command.add_option("PID", options->recording, "A recorded process, or its recording")
          ->type_name("FILE|PID");
  command
      .add_option("--name", options->name,
                  "All recorded processes of this service, program or script")
      ->type_name("NAME")
      ->excludes(recording);
  command
      .add_option("--sample", options->sampling,
                  "Mean bytes between two recorded allocations, such as 512K; exact: every one; "
                  "off: none")
      ->type_name("BYTES|exact|off")
      ->required();
  CLI::Option* wait = command
                          .add_option("--wait", options->wait_s,
                                      "Wait so long for the change, and fail if there is none; "
                                      "else at most 1 s")
                          ->type_name("SECONDS")
                          ->check(number_between(0, 86400));
  command.callback([options, wait, &exit_code] {
    if (options->recording.empty() && options->name.empty()) {
      throw Error("mla ctl", "names no process", "give a pid of mla ps, or --name NAME");
    }
    const uint64_t interval = parse_sampling(options->sampling, "--sample");
    const bool done = control(who_is_asked(*options), interval, options->wait_s);
    exit_code = done || wait->count() == 0 ? kExitOk : kExitNotEnough;
  });
}

}  // namespace mla
