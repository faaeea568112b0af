// mla history: what mla watch has kept.
#include <algorithm>
#include <charconv>
#include <memory>
#include <set>

#include "commands.h"
#include "history_text.h"
#include "output.h"
#include "reader/error.h"
#include "terminal.h"
#include "watch/source.h"
#include "watching/session.h"

namespace mla {
namespace {

struct Options {
  std::string service;
  std::string file;
  std::string since = "7d";
  bool json = false;
  bool csv = false;
};

// "90m", "12h", "7d": seconds.
double parse_duration(const std::string& text) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [after, error] = std::from_chars(text.data(), end, value, std::chars_format::fixed);
  const std::string unit(after, end);
  double factor = 0;
  if (unit == "m") factor = 60;
  if (unit == "h") factor = 3600;
  if (unit == "d") factor = 86400;
  if (error != std::errc() || factor == 0 || !(value > 0)) {
    throw Error("--since", "'" + text + "' is no time", "give one such as 90m, 12h or 7d");
  }
  return value * factor;
}

// As `mla watch NAME` has it: a service, one without the ending of its script, or its program.
bool is_asked(const std::string& name, const SeriesKey& key) {
  const std::string& service = key.of.service;
  const std::string program = key.command.substr(0, key.command.find(' '));
  return name.empty() || name == service || name == service.substr(0, service.rfind('.')) ||
         name == program.substr(program.rfind('/') + 1);
}

void show(const Options& options) {
  const double since = parse_duration(options.since);
  HistoryView view;
  view.file = options.file.empty() ? default_history_file() : options.file;
  Store store(view.file);
  const ClockReading now = SystemClock().now();
  const SteadyTime time(store.last_mark(), now);
  view.to_t = time.at(now.boot_s);
  view.from_t = view.to_t - since;
  view.offset = time.offset();
  std::set<int64_t> ids;
  std::set<std::string> services;
  for (SeriesRecord& one : store.series()) {
    if (!is_asked(options.service, one.key) || one.last_t < view.from_t) continue;
    ids.insert(one.id);
    services.insert(one.key.of.service);
    view.series.push_back(std::move(one));
  }
  if (view.series.empty() && !options.service.empty()) {
    throw Error(options.service, "nothing of it in " + view.file + " in this time",
                "see `mla history` for the services there are, or give a longer --since");
  }
  for (Change& change : store.changes(view.from_t, view.to_t)) {
    if (options.service.empty() || services.contains(change.of.service)) {
      view.changes.push_back(std::move(change));
    }
  }
  for (Mark& mark : store.marks(view.from_t, view.to_t)) {
    if (mark.series == 0 || ids.contains(mark.series)) view.marks.push_back(std::move(mark));
  }
  Output out;
  if (options.json) {
    write_history_json(out.stream(), store, view);
  } else if (options.csv) {
    write_history_csv(out.stream(), store, view);
  } else {
    write_history_text(out.stream(), store, view,
                       {.width = terminal_width(out, 100),
                        .braille = utf8_locale(),
                        .charts = !options.service.empty()});
  }
  out.finish();
}

}  // namespace

void add_history(CLI::App& app, int& exit_code) {
  const auto options = std::make_shared<Options>();
  CLI::App& command =
      add_command(app, "history", "Say what mla watch has seen: services, changes, memory",
                  "mla history [options] [SERVICE]",
                  "Times are UTC. With a SERVICE also a chart of its memory.\n\n"
                  "Examples:\n"
                  "  mla history\n"
                  "  mla history run_server.py --since 2d\n"
                  "  mla history run_server.py --csv > memory.csv");
  command.add_option("SERVICE", options->service, "One service, all its hosts and builds");
  add_history_option(command, options->file);
  command.add_option("--since", options->since, "How far back: 90m, 12h, 7d (7d)")
      ->type_name("TIME");
  CLI::Option* json = command.add_flag("--json", options->json, "Print JSON");
  command.add_flag("--csv", options->csv, "Print the samples as CSV")->excludes(json);
  command.callback([options, &exit_code] {
    show(*options);
    exit_code = kExitOk;
  });
}

}  // namespace mla
