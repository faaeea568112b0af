// mla leaks: the leak verdict, or the founding rule, on a recording, and the sites that grew.
#include <charconv>
#include <memory>
#include <nlohmann/json.hpp>

#include "commands.h"
#include "leaks_founding.h"
#include "live_recording.h"
#include "memory_limit.h"
#include "output.h"
#include "reader/directory.h"
#include "reader/error.h"
#include "reader/names.h"
#include "reader/reader.h"
#include "report/units.h"
#include "report/verdict_text.h"
#include "symbols/symbolizer.h"
#include "terminal.h"
#include "threshold_options.h"
#include "verdict/process_verdict.h"
#include "words.h"

namespace mla {
namespace {

constexpr size_t kSitesShown = 10;
constexpr size_t kFramesShown = 12;

struct Options {
  std::string recording;
  std::string rule = "statistical";
  std::string fail_on;
  std::string limit;
  bool json = false;
  FoundingThresholds thresholds;
};

struct Finding {
  ProcessVerdict verdict;
  std::optional<MemoryLimit> limit;
  std::optional<double> hours_to_limit;  // of a leak
};

// "512K", "1.5M", "2GiB"; above 0.
double parse_bytes(const std::string& text, const std::string& option, const std::string& example) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [after, error] = std::from_chars(text.data(), end, value, std::chars_format::fixed);
  std::string unit(after, end);
  if (unit.ends_with("iB")) unit.resize(unit.size() - 2);
  const std::string units = "KMGT";
  double factor = unit.empty() ? 1 : 0;
  if (unit.size() == 1 && units.find(unit) != std::string::npos) {
    factor = static_cast<double>(1ULL << (10 * (units.find(unit) + 1)));
  }
  if (error != std::errc() || factor == 0 || !(value > 0)) {
    throw Error(option, "'" + text + "' is no amount of memory", "give one such as " + example);
  }
  return value * factor;
}

// Bytes per hour: "1M", "1M/h", "20K/min", "100/s".
double parse_rate(const std::string& text) {
  const size_t slash = text.find('/');
  const std::string per = slash == std::string::npos ? "h" : text.substr(slash + 1);
  double times = 0;
  if (per == "h") times = 1;
  if (per == "min") times = 60;
  if (per == "s") times = kSecondsPerHour;
  if (per == "d") times = 1.0 / 24;
  if (times == 0) throw Error("--fail-on", "'" + text + "' is no rate", "give one such as 1M/h");
  return times * parse_bytes(text.substr(0, slash), "--fail-on", "1M/h");
}

Finding judge(const Snapshot& snapshot, const Options& options) {
  Finding finding;
  VerdictOptions tolerated;
  if (!options.fail_on.empty()) tolerated.tolerance_bytes_per_hour = parse_rate(options.fail_on);
  finding.verdict = process_verdict(snapshot, tolerated);
  finding.limit = memory_limit(snapshot);
  if (!options.limit.empty()) {
    finding.limit =
        MemoryLimit{static_cast<uint64_t>(parse_bytes(options.limit, "--limit", "2G")), "--limit"};
  }
  const SeriesVerdict& process = finding.verdict.process;
  const std::vector<double>& rss = finding.verdict.series.rss_bytes;
  if (finding.limit && process.verdict == VerdictClass::kLeak && !rss.empty()) {
    const double room = static_cast<double>(finding.limit->bytes) - rss.back();
    finding.hours_to_limit = std::max(0.0, room / process.rate.value);
  }
  return finding;
}

int exit_code_of(const Finding& finding) {
  switch (finding.verdict.process.verdict) {
    case VerdictClass::kLeak:
      return kExitLeak;
    case VerdictClass::kInsufficient:
      return kExitNotEnough;
    default:
      return kExitOk;
  }
}

double freed_share(const Site& site) {
  return site.alloc_count == 0
             ? 0
             : static_cast<double>(site.freed_count) / static_cast<double>(site.alloc_count);
}

void print_sites(std::ostream& out, const Snapshot& snapshot, Symbolizer& symbolizer,
                 const std::vector<SiteVerdict>& sites) {
  if (sites.empty()) {
    out << "\nno call site is known to grow\n";
    return;
  }
  out << "\ncall sites that grow, leaks first:\n";
  for (size_t i = 0; i < sites.size() && i < kSitesShown; ++i) {
    const SiteVerdict& one = sites[i];
    const Site& site = snapshot.sites[one.site_index];
    out << "  " << verdict_name(one.verdict.verdict) << ", "
        << human_rate(one.verdict.rate.value, TimeUnit::kHours);
    if (one.growth_share > 0) {
      out << ", " << percent(static_cast<uint64_t>(one.growth_share * 1000), 1000)
          << " of the growth";
    }
    out << "; live " << human_bytes(site.live_bytes) << " in "
        << counted(site.live_count, site.mapping ? "mapping" : "block") << ", "
        << percent(static_cast<uint64_t>(freed_share(site) * 1000), 1000) << " freed again\n    "
        << one_line_stack(symbolizer, site, kFramesShown) << '\n';
    if (one.cohorts) {
      out << "    " << cohort_strip(snapshot.census.sites[*one.cohorts], one.ruling) << '\n';
    }
  }
}

void print_text(std::ostream& out, const Snapshot& snapshot, Symbolizer& symbolizer,
                const Finding& finding, bool terminal) {
  const SeriesVerdict& process = finding.verdict.process;
  const LiveSeries& series = finding.verdict.series;
  out << command_of(snapshot.process) << " (pid " << snapshot.process.pid << ", "
      << status_name(snapshot.status) << "), live bytes:\n"
      << verdict_line(process, TimeUnit::kHours) << '\n';
  write_evidence(out, process, TimeUnit::kHours);
  if (finding.hours_to_limit) {
    out << "  time to the limit      " << human_seconds(*finding.hours_to_limit * kSecondsPerHour)
        << ", to " << human_bytes(finding.limit->bytes) << " (" << finding.limit->of << ")\n";
  }
  if (terminal) {
    write_chart(out, series.t_s, series.live_bytes, TimeUnit::kHours, {.braille = utf8_locale()});
  }
  print_sites(out, snapshot, symbolizer, finding.verdict.sites);
}

nlohmann::ordered_json site_json(const Snapshot& snapshot, Symbolizer& symbolizer,
                                 const SiteVerdict& one) {
  const Site& site = snapshot.sites[one.site_index];
  nlohmann::ordered_json entry;
  entry["id"] = site.id;
  entry.update(verdict_json(one.verdict, TimeUnit::kHours));
  const Rate& rate = one.verdict.rate;
  entry["bytes_per_hour"] = rate.value;
  // Of the cohorts it is known without a series, too.
  entry["rate_bytes_per_hour"] = {{"value", rate.value}, {"low", rate.low}, {"high", rate.high}};
  entry["growth_share"] = one.growth_share;
  entry["freed_ratio"] = freed_share(site);
  entry["live_bytes"] = site.live_bytes;
  entry["live_count"] = site.live_count;
  entry["cohorts"] = one.cohorts ? cohorts_json(snapshot.census.sites[*one.cohorts])
                                 : nlohmann::ordered_json(nullptr);
  entry["stack"] = nlohmann::json::array();
  for (const Frame* frame : symbolizer.stack_of(site).frames) {
    entry["stack"].push_back({{"function", frame_label(*frame)},
                              {"file", frame->file},
                              {"line", frame->line},
                              {"module", frame->module}});
  }
  return entry;
}

void print_json(std::ostream& out, const Snapshot& snapshot, Symbolizer& symbolizer,
                const Finding& finding) {
  nlohmann::ordered_json document;
  document["schema"] = {{"name", "mla-leaks"}, {"version", 2}};
  document["file"] = snapshot.path;
  document["pid"] = snapshot.process.pid;
  document["exe"] = snapshot.process.exe;
  document["status"] = status_name(snapshot.status);
  document["rule"] = "statistical";
  document.update(verdict_json(finding.verdict.process, TimeUnit::kHours));
  document["limit_bytes"] =
      finding.limit ? nlohmann::json(finding.limit->bytes) : nlohmann::json(nullptr);
  document["hours_to_limit"] =
      finding.hours_to_limit ? nlohmann::json(*finding.hours_to_limit) : nlohmann::json(nullptr);
  document["sites"] = nlohmann::json::array();
  for (const SiteVerdict& site : finding.verdict.sites) {
    document["sites"].push_back(site_json(snapshot, symbolizer, site));
  }
  out << document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
}

int find_leaks(const CLI::App& command, const Options& options) {
  const bool founding = options.rule == "founding";
  if (!founding) refuse_thresholds(command, {});
  for (const char* name : {"--fail-on", "--limit"}) {
    if (!founding || command.count(name) == 0) continue;
    throw Error(name, "belongs to the verdict", "leave out --rule founding");
  }
  const std::string path = find_recording(options.recording);
  request_census(path);
  const Snapshot snapshot = read_snapshot(path);
  Symbolizer symbolizer(snapshot);
  Output out;
  int exit_code = kExitOk;
  if (founding) {
    exit_code = leaks_by_founding_rule(out.stream(), snapshot, symbolizer, options.thresholds,
                                       options.json);
  } else {
    const Finding finding = judge(snapshot, options);
    if (options.json) {
      print_json(out.stream(), snapshot, symbolizer, finding);
    } else {
      print_text(out.stream(), snapshot, symbolizer, finding, out.is_terminal());
    }
    exit_code = exit_code_of(finding);
  }
  out.finish();
  return exit_code;
}

}  // namespace

void add_leaks(CLI::App& app, int& exit_code) {
  const auto options = std::make_shared<Options>();
  CLI::App& command =
      add_command(app, "leaks", "Say whether a recorded process leaks, and where it grew",
                  "mla leaks [options] FILE|PID",
                  "Exit codes: 0 no leak, 1 leak, 2 usage or unreadable input, 3 not enough data.\n"
                  "\nExamples:\n"
                  "  mla leaks 4711\n"
                  "  mla leaks --fail-on 1M/h mla-python3-4711.mla || echo leaks");
  command.add_option("RECORDING", options->recording, "A recording, or the pid of a process")
      ->type_name("FILE|PID")
      ->required();
  command
      .add_option("--rule", options->rule, "The rule to judge by (statistical), or the thresholds")
      ->check(CLI::IsMember({"statistical", "founding"}));
  command
      .add_option("--fail-on", options->fail_on,
                  "A slower leak is none, and a faster one must not be\n"
                  "possible: 1M/h, 20K/min")
      ->type_name("RATE");
  command
      .add_option("--limit", options->limit,
                  "The memory there is, such as 2G, for the time until\n"
                  "it is used up; else that of the cgroup or machine")
      ->type_name("BYTES");
  command.add_flag("--json", options->json, "Print JSON");
  add_threshold_options(command, options->thresholds);
  command.callback([options, &command, &exit_code] { exit_code = find_leaks(command, *options); });
}

}  // namespace mla
