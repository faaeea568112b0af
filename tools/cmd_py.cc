// mla py: the objects of a running Python process by type.
#include <chrono>
#include <memory>
#include <thread>

#include "commands.h"
#include "live_recording.h"
#include "objects_text.h"
#include "output.h"
#include "reader/directory.h"
#include "reader/error.h"
#include "reader/reader.h"
#include "report/units.h"
#include "terminal.h"
#include "validators.h"

namespace mla {
namespace {

using format::ObjectsState;
using format::Request;

struct Options {
  std::string recording;
  bool json = false;
  bool collect = false;
  bool last = false;
  size_t rows = 20;
  double timeout_s = 10;
};

constexpr auto kPoll = std::chrono::milliseconds(10);
constexpr auto kSilence = std::chrono::seconds(1);  // before it is said what is waited for

bool is_over(ObjectsState state) { return state >= ObjectsState::kDone; }

const char* phase(ObjectsState state) {
  switch (state) {
    case ObjectsState::kWaiting:
      return "waits for the interpreter's lock";
    case ObjectsState::kCollecting:
      return "collects";
    default:
      return "counts";
  }
}

std::string seconds_text(const Options& options) { return human_seconds(options.timeout_s); }

[[noreturn]] void refuse(const Options& options, ObjectsState state) {
  switch (state) {
    case ObjectsState::kNotSupported:
      throw Error(options.recording, "the objects of its Python cannot be counted",
                  "CPython 3.8 to 3.13 can, unless started with MLA_PYTHON=off");
    case ObjectsState::kNoThread:
      throw Error(options.recording, "could not start a thread", "raise its limit of threads");
    case ObjectsState::kNoMemory:
      throw Error(options.recording, "had no memory to count with",
                  "free some: 16 bytes for each object are needed for a moment");
    case ObjectsState::kNotCollected:
      throw Error(options.recording, "its gc.collect() failed", "count without --collect");
    case ObjectsState::kEnding:
      throw Error(options.recording, "its interpreter is at its end", "ask it while it works");
    default:
      throw Error(options.recording, "could not list its objects", "try again");
  }
}

// The process starts its helper when a thread that runs Python next allocates.
void ask(LiveRecording& recording, const Options& options) {
  using Clock = std::chrono::steady_clock;
  const Request request = options.collect ? Request::kCollect : Request::kObjects;
  const uint64_t counts = recording.object_counts();
  const ObjectsState old = recording.objects_state();
  const auto begin = Clock::now();
  const auto end = begin + std::chrono::duration<double>(options.timeout_s);
  recording.request(request);
  bool taken_up = false;
  bool said = false;
  for (;;) {
    recording.check_whole(options.recording);
    const ObjectsState state = recording.objects_state();
    taken_up = taken_up || !recording.is_requested(request);
    if (taken_up && is_over(state)) {
      show_waiting("");
      if (state != ObjectsState::kDone) refuse(options, state);
      if (recording.object_counts() != counts) return;
    }
    if (!recording.is_alive()) {
      show_waiting("");
      throw Error(options.recording, "ended before its objects were counted",
                  "`mla py --last` shows the count before, if there was one");
    }
    if (Clock::now() >= end) break;
    if (taken_up) {
      show_waiting("the process " + std::string(phase(state)) + " ...");
    } else if (!said && Clock::now() >= begin + kSilence) {
      said = true;
      show_waiting("waits up to " + seconds_text(options) + " for the process to allocate ...");
    }
    std::this_thread::sleep_for(kPoll);
  }
  show_waiting("");
  recording.withdraw(request);
  if (!taken_up) {
    throw Error(options.recording,
                "did not come to a place to count from within " + seconds_text(options) +
                    ": no thread that runs Python called malloc often enough",
                "have it do some work, such as a request, or wait longer with --timeout");
  }
  throw Error(options.recording,
              "it still " + std::string(phase(recording.objects_state())) + " after " +
                  seconds_text(options),
              is_over(old) || old == ObjectsState::kNone
                  ? "wait longer with --timeout, or ask for the result later with --last"
                  : "an earlier count is still under way: ask later with --last");
}

int py(const Options& options) {
  const std::string path = find_recording(options.recording);
  const std::unique_ptr<LiveRecording> recording = LiveRecording::open(path);
  Snapshot snapshot = read_snapshot(path);
  if (snapshot.process.python_version.empty()) {
    throw Error(options.recording, "is no Python process, or was started with MLA_PYTHON=off",
                "`mla ps` lists the recordings with their programs");
  }
  const bool fresh = recording != nullptr && !options.last;
  if (options.collect && !fresh) {
    throw Error(options.recording, "is not running", "--collect needs a living process");
  }
  if (fresh) {
    ask(*recording, options);
    snapshot = read_snapshot(path);
  }
  if (snapshot.objects.counts == 0) {
    throw Error(options.recording, "its objects were never counted",
                recording == nullptr ? "count them with `mla py PID` while it runs"
                                     : "leave --last out to count them now");
  }
  Output out;
  if (options.json) {
    write_objects_json(out.stream(), snapshot);
  } else {
    ObjectsTextOptions text;
    text.rows = options.rows;
    text.width = terminal_width(out, text.width);
    text.colour = colour_wanted(out);
    text.fresh = fresh;
    write_objects_text(out.stream(), snapshot, text);
  }
  out.finish();
  return kExitOk;
}

}  // namespace

void add_py(CLI::App& app, int& exit_code) {
  const auto options = std::make_shared<Options>();
  CLI::App& command =
      add_command(app, "py", "Count the objects of a running Python process by type",
                  "mla py [options] FILE|PID",
                  "Examples:\n"
                  "  mla py 4711\n"
                  "  mla py --collect 4711\n"
                  "  mla py --json 4711 | jq '.types[:5]'");
  command.add_option("RECORDING", options->recording, "A recorded process, or its recording")
      ->type_name("FILE|PID")
      ->required();
  command.add_flag("--json", options->json, "Print JSON");
  command.add_flag("--collect", options->collect, "Run a full collection, and say what it changed");
  command.add_flag("--last", options->last, "Show the last count, do not make a new one");
  command.add_option("--rows", options->rows, "Types to show (default: 20)")->type_name("N");
  command
      .add_option("--timeout", options->timeout_s,
                  "Wait so long for the process to take part (default: 10)")
      ->type_name("SECONDS")
      ->check(number_between(0.1, 86400.0));
  command.callback([options, &exit_code] { exit_code = py(*options); });
}

}  // namespace mla
