// mla report: one recording as text, HTML, JSON or folded stacks.
#include <map>
#include <memory>
#include <optional>

#include "commands.h"
#include "output.h"
#include "progress_line.h"
#include "reader/directory.h"
#include "reader/reader.h"
#include "report/folded.h"
#include "report/json.h"
#include "report/text.h"
#include "report_html.h"
#include "terminal.h"
#include "validators.h"

namespace mla {
namespace {

struct Options {
  std::string recording;
  bool json = false;
  std::string html;    // file to write the page to; empty: none
  std::string folded;  // what to add up; empty: no folded stacks
  size_t top = TextOptions().top_sites;
  std::string sort = "live";
  bool full_stacks = false;
  bool native = false;
  std::string by;  // how call sites are added up; empty: not
  std::vector<std::string> debug_directories;
  std::string output;
};

const std::map<std::string, FoldedValue>& folded_values() {
  static const std::map<std::string, FoldedValue> known{{"live", FoldedValue::kLive},
                                                        {"allocated", FoldedValue::kAllocated},
                                                        {"peak", FoldedValue::kPeak}};
  return known;
}

const std::map<std::string, SiteOrder>& orders() {
  static const std::map<std::string, SiteOrder> known{{"live", SiteOrder::kLive},
                                                      {"allocated", SiteOrder::kAllocated},
                                                      {"count", SiteOrder::kCount},
                                                      {"peak", SiteOrder::kPeak},
                                                      {"temporary", SiteOrder::kTemporary}};
  return known;
}

const std::map<std::string, Grouping>& groupings() {
  static const std::map<std::string, Grouping> known{{"", Grouping::kSite},
                                                     {"line", Grouping::kLine},
                                                     {"function", Grouping::kFunction},
                                                     {"file", Grouping::kFile},
                                                     {"module", Grouping::kModule}};
  return known;
}

TextOptions text_options(const Options& options, const Output& out) {
  TextOptions text;
  text.top_sites = options.top;
  text.order = orders().at(options.sort);
  text.full_stacks = options.full_stacks;
  text.native = options.native;
  text.by = groupings().at(options.by);
  text.colour = colour_wanted(out);
  text.width = terminal_width(out, text.width);
  return text;
}

void write(const Options& options, const Snapshot& snapshot, Symbolizer& symbolizer, Output& out) {
  if (options.json) {
    write_json(out.stream(), snapshot, symbolizer);
  } else if (!options.folded.empty()) {
    write_folded(out.stream(), snapshot, symbolizer, folded_values().at(options.folded),
                 options.native);
  } else {
    write_text(out.stream(), snapshot, symbolizer, text_options(options, out));
  }
  out.finish();
}

void report(const Options& options) {
  if (!options.html.empty()) require_page();
  const std::string path = find_recording(options.recording);
  ProgressLine progress("reading " + path);
  // Before the output is created: an unreadable recording must not empty an older report.
  const Snapshot snapshot = read_snapshot(path);
  Symbolizer symbolizer(
      snapshot, {.debug_directories = options.debug_directories, .progress = progress.symbols()});
  if (!options.html.empty()) {
    write_report_page(options.html, snapshot, symbolizer);
    return;
  }
  std::optional<Output> out;
  if (options.output.empty()) {
    out.emplace();
  } else {
    out.emplace(options.output);
  }
  out->before_writing([&progress] { progress.end(); });
  write(options, snapshot, symbolizer, *out);
}

}  // namespace

void add_report(CLI::App& app, int& exit_code) {
  const auto options = std::make_shared<Options>();
  CLI::App& command = add_command(app, "report", "Say where the memory of a recorded process is",
                                  "mla report [options] FILE|PID",
                                  "Examples:\n"
                                  "  mla report 4711\n"
                                  "  mla report --html report.html 4711\n"
                                  "  mla report --sort peak --top 30 mla-python3-4711.mla\n"
                                  "  mla report --folded=allocated server.mla | flamegraph.pl");
  command
      .add_option(
          "RECORDING", options->recording,
          "A recording, a core file that holds one, or the\npid of a running or dead process")
      ->type_name("FILE|PID")
      ->required();
  CLI::Option* json = command.add_flag("--json", options->json, "Print JSON, all call sites");
  CLI::Option* folded = command
                            .add_flag("--folded{live}", options->folded,
                                      "Print folded stacks, adding up what is alive (if not\n"
                                      "said otherwise: --folded=...)")
                            ->check(CLI::IsMember({"live", "allocated", "peak"}))
                            ->excludes(json);
  CLI::Option* html = command
                          .add_option("--html", options->html,
                                      "Write one self-contained page for a browser; it needs\n"
                                      "no network, and no mla where it is read")
                          ->type_name("FILE")
                          ->excludes(json, folded);
  command.add_option("--top", options->top, "Number of call sites to show (10)")
      ->type_name("N")
      ->check(whole_number(1))
      ->excludes(json, folded, html);
  command.add_option("--sort", options->sort, "Order of call sites (live)")
      ->check(CLI::IsMember({"live", "allocated", "count", "peak", "temporary"}))
      ->excludes(json, folded, html);
  command.add_flag("--full-stacks", options->full_stacks, "Show every frame, names uncut")
      ->excludes(json, folded, html);
  command
      .add_option("--by", options->by, "Add call sites up by what allocates: in Python its line")
      ->check(CLI::IsMember({"line", "function", "file", "module"}))
      ->excludes(json, folded, html);
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
    report(*options);
    exit_code = kExitOk;
  });
}

}  // namespace mla
