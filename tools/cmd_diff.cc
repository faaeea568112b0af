// mla diff: what two recordings, or two moments of one, have that the other has not.
#include <chrono>
#include <cmath>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "commands.h"
#include "diff_text.h"
#include "live_recording.h"
#include "output.h"
#include "reader/directory.h"
#include "reader/error.h"
#include "reader/reader.h"
#include "report/diff_json.h"
#include "report/html_diff.h"
#include "report/units.h"
#include "report_html.h"
#include "site_orders.h"
#include "terminal.h"
#include "validators.h"
#include "words.h"

namespace mla {
namespace {

struct Options {
  std::string a;
  std::string b;  // empty: moments of A
  std::optional<double> from_s;
  std::optional<double> to_s;
  std::optional<double> wait_s;
  bool json = false;
  std::string html;  // file to write the page to; empty: none
  size_t top = DiffTextOptions().top_sites;
  bool all = false;
  std::string sort = "live";
  bool full_stacks = false;
  bool native = false;
  std::vector<std::string> debug_directories;
  std::string output;
};

struct Answer {
  Diff diff;
  Symbolizer* a;
  Symbolizer* b;
};

void write(const Options& options, const Answer& answer) {
  if (!options.html.empty()) {
    write_html(options.html, html_diff(answer.diff, *answer.a, *answer.b,
                                       {command_of(answer.diff.a.snapshot->process),
                                        command_of(answer.diff.b.snapshot->process)}));
    return;
  }
  std::optional<Output> out;
  if (options.output.empty()) {
    out.emplace();
  } else {
    out.emplace(options.output);
  }
  if (options.json) {
    write_diff_json(out->stream(), answer.diff, *answer.a, *answer.b);
  } else {
    DiffTextOptions text;
    text.top_sites = options.top;
    text.order = site_orders().at(options.sort);
    text.all = options.all;
    text.full_stacks = options.full_stacks;
    text.native = options.native;
    text.colour = colour_wanted(*out);
    text.width = terminal_width(*out, text.width);
    write_for_locale(*out, [&](std::ostream& stream) {
      write_diff_text(stream, answer.diff, *answer.a, *answer.b, text);
    });
  }
  out->finish();
}

uint64_t nanoseconds(double seconds) { return static_cast<uint64_t>(seconds * 1e9); }

void diff_of_moments(const Options& options) {
  if (options.sort != "live" && options.sort != "count") {
    throw Error("--sort", "a moment of a recording is known by what was alive then",
                "give live or count, or compare two recordings");
  }
  const Snapshot snapshot = read_snapshot(find_recording(options.a));
  const double end = static_cast<double>(snapshot.last_ns) / 1e9;
  const double from = options.from_s.value_or(0);
  const double to = options.to_s.value_or(end);
  if (from >= to || from > end) {
    throw Error("--from", "is not before --to, or after the end of the recording",
                "the recording lasted " + std::to_string(end) + " s");
  }
  Symbolizer symbolizer(snapshot, {.debug_directories = options.debug_directories});
  write(options, {diff_moments(snapshot, nanoseconds(from), nanoseconds(std::min(to, end)),
                               site_orders().at(options.sort)),
                  &symbolizer, &symbolizer});
}

void diff_of_two(const Options& options, const Snapshot& a, const Snapshot& b) {
  Symbolizer symbolizer_a(a, {.debug_directories = options.debug_directories});
  Symbolizer symbolizer_b(b, {.debug_directories = options.debug_directories});
  write(options,
        {diff_recordings({a, symbolizer_a}, {b, symbolizer_b}, site_orders().at(options.sort)),
         &symbolizer_a, &symbolizer_b});
}

// A recording of a living process changes: what it says twice is two recordings.
void diff_after_a_while(const Options& options) {
  const std::string path = find_recording(options.a);
  if (LiveRecording::open(path) == nullptr) {
    throw Error(options.a, "is not being recorded",
                "--wait needs a living process; give --from and --to for a finished recording");
  }
  const Snapshot before = read_snapshot(path);
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + std::chrono::duration<double>(*options.wait_s);
  const auto silent_until = Clock::now() + std::chrono::seconds(1);
  if (silent_until < end) {
    std::this_thread::sleep_until(silent_until);
    show_waiting("waits " + human_seconds(*options.wait_s) + " to look a second time ...");
  }
  std::this_thread::sleep_until(end);
  show_waiting("");
  diff_of_two(options, before, read_snapshot(path));
}

void diff(const Options& options) {
  if (!options.html.empty()) require_page();
  const bool moments = options.from_s || options.to_s;
  if (!options.b.empty() && (moments || options.wait_s)) {
    throw Error("mla diff", "--from, --to and --wait are for one recording",
                "give one recording, or two without these options");
  }
  if (moments) {
    diff_of_moments(options);
  } else if (options.wait_s) {
    diff_after_a_while(options);
  } else if (options.b.empty()) {
    throw Error("mla diff", "there is one recording",
                "give two, or --from and --to, or --wait; see mla diff --help");
  } else {
    const std::string path_a = find_recording(options.a);
    const std::string path_b = find_recording(options.b);
    std::error_code ignored;
    if (std::filesystem::equivalent(path_a, path_b, ignored)) {
      throw Error(path_a, "A and B are the same recording",
                  "give two, or one with --from and --to, or with --wait");
    }
    diff_of_two(options, read_snapshot(path_a), read_snapshot(path_b));
  }
}

CLI::Validator no_negative_number() {
  return {[](const std::string& text) {
            double value = 0;
            const bool good = CLI::detail::lexical_cast(text, value) && std::isfinite(value) &&
                              value >= 0 && value < 1e9;
            return good ? std::string() : "'" + text + "' is not a number of seconds";
          },
          ""};
}

}  // namespace

void add_diff(CLI::App& app, int& exit_code) {
  const auto options = std::make_shared<Options>();
  CLI::App& command =
      add_command(app, "diff", "Say what grew from one recording to another, by call site",
                  "mla diff [options] A B\n"
                  "       mla diff [options] A --from S --to S\n"
                  "       mla diff [options] PID --wait S",
                  "Examples:\n"
                  "  mla diff before.mla after.mla\n"
                  "  mla diff --wait 60 4711\n"
                  "  mla diff --from 600 --to 3600 server.mla\n"
                  "  mla diff --json before.mla after.mla | jq '.sites[0]'");
  command
      .add_option("A", options->a,
                  "A recording, a core file that holds one, or the\npid of a process")
      ->type_name("FILE|PID")
      ->required();
  command.add_option("B", options->b, "What to compare it with")->type_name("FILE|PID");
  command.add_option("--from", options->from_s, "Compare moments of A: from this one (0)")
      ->type_name("SECONDS")
      ->check(no_negative_number());
  command.add_option("--to", options->to_s, "to this one (the end)")
      ->type_name("SECONDS")
      ->check(no_negative_number());
  command
      .add_option("--wait", options->wait_s,
                  "Compare A, which is being recorded, as it is now\n"
                  "with what it is after so long")
      ->type_name("SECONDS")
      ->check(no_negative_number());
  CLI::Option* json = command.add_flag("--json", options->json, "Print JSON, all call sites");
  CLI::Option* html =
      command.add_option("--html", options->html, "Write one self-contained page for a browser")
          ->type_name("FILE")
          ->excludes(json);
  CLI::Option* top = command.add_option("--top", options->top, "Number of call sites to show (10)")
                         ->type_name("N")
                         ->check(whole_number(1))
                         ->excludes(json, html);
  command.add_flag("--all", options->all, "Show every call site that changed")
      ->excludes(json, html, top);
  command.add_option("--sort", options->sort, "What is compared, largest change first (live)")
      ->check(CLI::IsMember({"live", "allocated", "count", "peak", "temporary"}))
      ->excludes(json, html);
  command.add_flag("--full-stacks", options->full_stacks, "Show every frame, names uncut")
      ->excludes(json, html);
  command.add_flag("--native", options->native, "Show the C frames of Python's interpreter, too")
      ->excludes(json, html);
  command
      .add_option("--debug-dir", options->debug_directories,
                  "Look for separate debug files here first (may be repeated)")
      ->type_name("DIR")
      ->allow_extra_args(false);
  command.add_option("-o,--output", options->output, "Write to this file")
      ->type_name("FILE")
      ->excludes(html);
  command.callback([options, &exit_code] {
    diff(*options);
    exit_code = kExitOk;
  });
}

}  // namespace mla
