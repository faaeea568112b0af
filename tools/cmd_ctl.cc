// mla ctl: how densely a running process records.
#include <chrono>
#include <iostream>
#include <memory>
#include <thread>

#include "commands.h"
#include "format/format.h"
#include "live_recording.h"
#include "reader/directory.h"
#include "reader/error.h"
#include "report/units.h"
#include "sampling_words.h"

namespace mla {
namespace {

struct Options {
  std::string recording;
  std::string sampling;
};

std::string describe(uint64_t interval) {
  if (interval == format::kExactInterval) return "records every allocation";
  if (interval == format::kOffInterval) return "records nothing";
  return "records one allocation in " + human_bytes(interval) + " on average";
}

// The process takes a request up when it next allocates; an idle one is given a moment.
int control(const Options& options) {
  const uint64_t interval = parse_sampling(options.sampling, "--sample");
  const std::string path = find_recording(options.recording);
  const auto recording = LiveRecording::open(path);
  if (recording == nullptr) {
    throw Error(options.recording, "is not being recorded",
                "name a living process of `mla ps`; a finished recording cannot be changed");
  }
  recording->request_sampling(interval);
  for (int i = 0; i < 20 && recording->sampling() != interval; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  std::cout << "process " << recording->pid() << ' ' << describe(recording->sampling());
  if (recording->sampling() != interval) {
    std::cout << "; asked to change, it will when it next allocates";
  }
  std::cout << '\n';
  return kExitOk;
}

}  // namespace

void add_ctl(CLI::App& app, int& exit_code) {
  const auto options = std::make_shared<Options>();
  CLI::App& command = add_command(app, "ctl", "Change how densely a running process records",
                                  "mla ctl PID --sample BYTES|exact|off",
                                  "Examples:\n  mla ctl 4711 --sample 64K\n"
                                  "  mla ctl 4711 --sample exact\n"
                                  "  mla ctl 4711 --sample off");
  command.add_option("PID", options->recording, "A recorded process, or its recording")
      ->type_name("FILE|PID")
      ->required();
  command
      .add_option("--sample", options->sampling,
                  "Mean bytes between two recorded allocations, such as 512K; exact: every one; "
                  "off: none")
      ->type_name("BYTES|exact|off")
      ->required();
  command.callback([options, &exit_code] { exit_code = control(*options); });
}

}  // namespace mla
