// mla report: one recording as text, HTML or JSON, or exported for other tools.
#include <map>
#include <memory>
#include <optional>

#include "commands.h"
#include "output.h"
#include "progress_line.h"
#include "reader/directory.h"
#include "reader/error.h"
#include "reader/reader.h"
#include "report/json.h"
#include "report/text.h"
#include "report_export.h"
#include "report_html.h"
#include "site_orders.h"
#include "terminal.h"
#include "validators.h"

namespace mla {
namespace {

struct Options {
  std::string recording;
  bool json = false;
  std::string html;  // file to write the page to; empty: none
  std::optional<Export> exported;
  std::string value = "live";
  size_t top = TextOptions().top_sites;
  std::string sort = "live";
  bool full_stacks = false;
  bool native = false;
  std::string by;  // how call sites are added up; empty: not
  std::vector<std::string> debug_directories;
  std::string output;
};

const std::map<std::string, StackValue>& stack_values() {
  static const std::map<std::string, StackValue> known{{"live", StackValue::kLive},
                                                       {"allocated", StackValue::kAllocated},
                                                       {"peak", StackValue::kPeak},
                                                       {"growth", StackValue::kGrowth}};
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
  text.order = site_orders().at(options.sort);
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
  } else if (options.exported) {
    write_export(out.stream(), snapshot, symbolizer, *options.exported,
                 {stack_values().at(options.value), options.native});
  } else {
    write_for_locale(out, [&](std::ostream& stream) {
      write_text(stream, snapshot, symbolizer, text_options(options, out));
    });
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
  if (options.exported == Export::kPprof && out->is_terminal()) {
    throw Error("--pprof", "it is not made for a terminal", "name a file with -o, or use a pipe");
  }
  out->before_writing([&progress] { progress.end(); });
  write(options, snapshot, symbolizer, *out);
}

void require_recording(const Options& options) {
  if (!options.recording.empty()) return;
  if (!options.html.empty()) {
    throw Error("mla report --html",
                options.html + " was taken as the name of the page, and no recording is given",
                "name both: mla report --html report.html " + options.html);
  }
  throw Error("mla report", "RECORDING is required", "see mla report --help");
}

void exclude_all(CLI::Option& option, const std::vector<CLI::Option*>& others) {
  for (CLI::Option* other : others) {
    if (other != &option) option.excludes(other);
  }
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
                                  "  mla report --folded --value allocated server.mla | "
                                  "flamegraph.pl\n"
                                  "  mla report --pprof -o server.pb.gz 4711");
  command
      .add_option(
          "RECORDING", options->recording,
          "A recording, a core file that holds one, or the\npid of a running or dead process")
      ->type_name("FILE|PID");
  CLI::Option* json = command.add_flag("--json", options->json, "Print JSON, all call sites");
  CLI::Option* html = command
                          .add_option("--html", options->html,
                                      "Write one self-contained page for a browser; it needs\n"
                                      "no network, and no mla where it is read")
                          ->type_name("FILE")
                          ->excludes(json);
  const ExportFlags exports = add_export_flags(command, options->exported);
  std::vector<CLI::Option*> forms{json, html};
  forms.insert(forms.end(), exports.of_stacks.begin(), exports.of_stacks.end());
  forms.insert(forms.end(), exports.of_figures.begin(), exports.of_figures.end());
  for (CLI::Option* form : forms) exclude_all(*form, forms);
  CLI::Option* value = command
                           .add_option("--value", options->value,
                                       "The bytes of --pprof, --folded and --speedscope: those\n"
                                       "alive now, ever allocated, alive at the peak, or what\n"
                                       "of the live ones has grown (live)")
                           ->check(CLI::IsMember({"live", "allocated", "peak", "growth"}));
  CLI::Option* top = command.add_option("--top", options->top, "Number of call sites to show (10)")
                         ->type_name("N")
                         ->check(whole_number(1));
  CLI::Option* sort =
      command.add_option("--sort", options->sort, "Order of call sites (live)")
          ->check(CLI::IsMember({"live", "allocated", "count", "peak", "temporary"}));
  CLI::Option* full =
      command.add_flag("--full-stacks", options->full_stacks, "Show every frame, names uncut");
  CLI::Option* by = command
                        .add_option("--by", options->by,
                                    "Add call sites up by what allocates: in Python its line")
                        ->check(CLI::IsMember({"line", "function", "file", "module"}));
  for (CLI::Option* of_text : {top, sort, full, by}) exclude_all(*of_text, forms);
  CLI::Option* native = command.add_flag("--native", options->native,
                                         "Show the C frames of Python's interpreter, too");
  native->excludes(json, html);
  exclude_all(*native, exports.of_figures);
  command
      .add_option("--debug-dir", options->debug_directories,
                  "Look for separate debug files here first (may be repeated)")
      ->type_name("DIR")
      ->allow_extra_args(false);
  command.add_option("-o,--output", options->output, "Write to this file")
      ->type_name("FILE")
      ->excludes(html);
  command.callback([options, value, &exit_code] {
    require_recording(*options);
    if (value->count() > 0 && !(options->exported && is_of_stacks(*options->exported))) {
      throw Error("--value", "says what an export of stacks adds up, and there is none",
                  "give --pprof, --folded or --speedscope, too");
    }
    report(*options);
    exit_code = kExitOk;
  });
}

}  // namespace mla
