// mla why: where the resident memory of a process is, and what would make it smaller.
#include <chrono>
#include <memory>
#include <optional>
#include <thread>

#include "commands.h"
#include "live_recording.h"
#include "output.h"
#include "progress_line.h"
#include "reader/directory.h"
#include "reader/error.h"
#include "reader/process.h"
#include "reader/reader.h"
#include "terminal.h"
#include "why_json.h"
#include "why_text.h"

namespace mla {
namespace {

struct Options {
  std::string recording;
  bool json = false;
  bool probe = false;
};

constexpr auto kPoll = std::chrono::milliseconds(20);
constexpr int kPollsForLedger = 75;  // 1.5 s: an idle process is given a moment
constexpr int kPollsForTrim = 500;   // 10 s

template <class Condition>
bool wait_for(const LiveRecording& recording, const Options& options, int polls,
              Condition condition) {
  for (int i = 0;; ++i) {
    recording.check_whole(options.recording);
    if (condition()) return true;
    if (i == polls) return false;
    std::this_thread::sleep_for(kPoll);
  }
}

// The process looks at its pages when it next allocates. If it does not, what it found last counts.
void ask_for_ledger(LiveRecording& recording, const Options& options) {
  const uint64_t asked_ns = recording.now_ns();
  recording.request(format::Request::kLedger);
  if (!wait_for(recording, options, kPollsForLedger,
                [&] { return recording.last_ledger_ns() > asked_ns; })) {
    recording.withdraw(format::Request::kLedger);
  }
}

Probe probe(LiveRecording& recording, const Options& options) {
  const auto pid = static_cast<uint32_t>(recording.pid());
  const uint64_t before = resident_bytes(pid).value_or(0);
  const uint64_t trims = recording.trims();
  recording.request(format::Request::kTrim);
  if (!wait_for(recording, options, kPollsForTrim, [&] { return recording.trims() != trims; })) {
    recording.withdraw(format::Request::kTrim);
    throw Error(options.recording, "did not allocate within 10 s, so nothing was trimmed",
                "have it do some work, such as a request, while you probe it");
  }
  Probe result;
  result.rss_before = before;
  result.rss_after = resident_bytes(pid).value_or(0);
  return result;
}

bool can_trim(const std::string& allocator) {
  return allocator == "ptmalloc2" || allocator == "jemalloc" || allocator == "tcmalloc" ||
         allocator == "mimalloc";
}

Explanation explain(const Options& options, const std::string& path, Snapshot& snapshot) {
  const std::unique_ptr<LiveRecording> recording = LiveRecording::open(path);
  if (options.probe && recording == nullptr) {
    throw Error(options.recording, "is not being recorded", "--probe needs a living process");
  }
  std::optional<uint64_t> resident;
  Explanation explanation;
  if (recording != nullptr) {
    ask_for_ledger(*recording, options);
    resident = resident_bytes(static_cast<uint32_t>(recording->pid()));
    explanation.now_ns = recording->now_ns();
  }
  snapshot = read_snapshot(path);
  if (snapshot.ledger.empty()) {
    throw Error(path, "has no ledger: its process has not allocated 0.05 s after its start",
                "ask again later, or record a longer run");
  }
  explanation.live = resident.has_value();
  const MemoryNow memory =
      resident ? MemoryNow{*resident, explanation.now_ns} : last_recorded_memory(snapshot);
  explanation.ledger = make_ledger(snapshot, memory);
  explanation.finding = diagnose(snapshot, explanation.ledger);
  if (options.probe) {
    if (!can_trim(snapshot.process.allocator)) {
      throw Error(options.recording,
                  "its allocator (" + snapshot.process.allocator + ") has no way to trim",
                  "run it with --allocator to try another one");
    }
    explanation.probe = probe(*recording, options);
    explanation.probe->took_ns = read_snapshot(path).trim.took_ns;
  }
  return explanation;
}

int why(const Options& options) {
  Snapshot snapshot;
  const Explanation explanation = explain(options, find_recording(options.recording), snapshot);
  ProgressLine progress("symbols");
  Symbolizer symbolizer(snapshot, {.progress = progress.symbols()});
  Output out;
  out.before_writing([&progress] { progress.end(); });
  if (options.json) {
    write_why_json(out.stream(), snapshot, symbolizer, explanation);
  } else {
    WhyTextOptions text;
    text.width = terminal_width(out, text.width);
    text.colour = colour_wanted(out);
    text.utf8 = utf8_locale();
    write_why_text(out.stream(), snapshot, symbolizer, explanation, text);
  }
  out.finish();
  return kExitOk;
}

}  // namespace

void add_why(CLI::App& app, int& exit_code) {
  const auto options = std::make_shared<Options>();
  CLI::App& command =
      add_command(app, "why", "Say why RSS is what it is: a ledger that adds up, and what to try",
                  "mla why [options] FILE|PID",
                  "Examples:\n"
                  "  mla why 4711\n"
                  "  mla why --probe 4711\n"
                  "  mla why --json mla-python3-4711.mla | jq .buckets");
  command.add_option("RECORDING", options->recording, "A recording, or the pid of a process")
      ->type_name("FILE|PID")
      ->required();
  command.add_flag("--json", options->json, "Print JSON");
  command.add_flag("--probe", options->probe,
                   "Have the allocator of a living process give back\n"
                   "what it can, and say what that changed. Holds the\n"
                   "process up while it trims");
  command.callback([options, &exit_code] { exit_code = why(*options); });
}

}  // namespace mla
