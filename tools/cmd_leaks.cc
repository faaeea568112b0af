// mla leaks: the leak verdict, or the founding rule, on a recording, and the sites that grew.
#include <charconv>
#include <cmath>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>

#include "commands.h"
#include "leaks_ci.h"
#include "leaks_founding.h"
#include "leaks_hint.h"
#include "leaks_suppressed.h"
#include "live_recording.h"
#include "memory_limit.h"
#include "output.h"
#include "progress_line.h"
#include "reader/directory.h"
#include "reader/error.h"
#include "reader/names.h"
#include "reader/reader.h"
#include "report/names_short.h"
#include "report/recording_words.h"
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
  std::optional<std::string> fail_on;
  std::string limit;
  std::vector<std::string> suppressions;
  std::string junit;
  bool github = false;
  bool json = false;
  FoundingThresholds thresholds;
};

struct Finding {
  ProcessVerdict verdict;
  Suppressed suppressed;
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

// Bytes per hour: "1M/h", "20K/min", "100/s", "2G/d".
double parse_rate(const std::string& text) {
  const size_t slash = text.find('/');
  const std::string per = slash == std::string::npos ? "" : text.substr(slash + 1);
  double times = 0;
  if (per == "h") times = 1;
  if (per == "min") times = 60;
  if (per == "s") times = kSecondsPerHour;
  if (per == "d") times = 1.0 / 24;
  if (times == 0) throw Error("--fail-on", "'" + text + "' is no rate", "give one such as 1M/h");
  return times * parse_bytes(text.substr(0, slash), "--fail-on", "1M/h");
}

Finding judge(const Snapshot& snapshot, Symbolizer& symbolizer, const Options& options) {
  Finding finding;
  finding.suppressed = find_suppressed(snapshot, symbolizer, options.suppressions);
  VerdictOptions tolerated;
  if (options.fail_on) tolerated.tolerance_bytes_per_hour = parse_rate(*options.fail_on);
  finding.verdict = process_verdict(snapshot, tolerated);
  if (!finding.suppressed.patterns.empty()) {
    leave_out(snapshot, tolerated, finding.suppressed, finding.verdict);
  }
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

CiResult::Outcome outcome_of(const Finding& finding) {
  const SeriesVerdict& process = finding.verdict.process;
  if (process.verdict == VerdictClass::kLeak) return CiResult::Outcome::kLeak;
  if (process.verdict == VerdictClass::kInsufficient) return CiResult::Outcome::kNotEnough;
  // Retention can be plain where no leak of any rate could have been seen.
  const bool blind = !std::isfinite(process.detectable_bytes_per_hour);
  if (blind && !finding.suppressed.growth.explained) return CiResult::Outcome::kNotEnough;
  return CiResult::Outcome::kPassed;
}

int exit_code_of(CiResult::Outcome outcome) {
  switch (outcome) {
    case CiResult::Outcome::kLeak:
      return kExitLeak;
    case CiResult::Outcome::kNotEnough:
      return kExitNotEnough;
    case CiResult::Outcome::kPassed:
      break;
  }
  return kExitOk;
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
    out << "; " << live_words(snapshot, one) << "\n    "
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
  const std::string next = next_step(snapshot, finding.verdict);
  for (const std::string& note : {stopped_sentence(snapshot), off_sentence(snapshot.sampling)}) {
    if (!note.empty()) out << "  note                   " << note << '\n';
  }
  if (!next.empty()) out << "  next                   " << next << '\n';
  write_evidence(out, process, TimeUnit::kHours);
  if (finding.hours_to_limit) {
    out << "  time to the limit      " << human_seconds(*finding.hours_to_limit * kSecondsPerHour)
        << ", to " << human_bytes(finding.limit->bytes) << " (" << finding.limit->of << ")\n";
  }
  if (terminal) {
    write_chart(out, series.t_s, series.live_bytes, TimeUnit::kHours, {.braille = utf8_locale()});
  }
  print_sites(out, snapshot, symbolizer, finding.verdict.sites);
  print_suppressed(out, finding.suppressed);
}

// The frame to put the finger on: the innermost with a source file below `directory`, else the
// innermost.
const Frame* frame_to_blame(const std::vector<const Frame*>& stack, const Snapshot& snapshot,
                            const std::string& directory) {
  const Frame* blamed = nullptr;
  for (const Frame* frame : stack) {
    if (is_own_frame(*frame) || is_allocation_plumbing(*frame)) continue;
    const std::string file =
        path_for_ci(frame->file, snapshot.process.working_directory, directory);
    if (!file.empty() && file.front() != '/') return frame;
    if (blamed == nullptr) blamed = frame;
  }
  return blamed;
}

LeakingSite leaking_site(const Snapshot& snapshot, Symbolizer& symbolizer, const SiteVerdict& one,
                         const std::string& directory) {
  const Site& site = snapshot.sites[one.site_index];
  LeakingSite leaking;
  leaking.rate = human_rate(one.verdict.rate.value, TimeUnit::kHours);
  leaking.stack = one_line_stack(symbolizer, site, kFramesShown);
  leaking.name = leaking.stack;
  const std::vector<const Frame*> stack = without_interpreter(symbolizer.stack_of(site));
  if (const Frame* frame = frame_to_blame(stack, snapshot, directory)) {
    leaking.name = frame_label(*frame);
    leaking.file = path_for_ci(frame->file, snapshot.process.working_directory, directory);
    leaking.line = frame->line;
  }
  return leaking;
}

CiResult ci_result(const Snapshot& snapshot, Symbolizer& symbolizer, const Finding& finding) {
  const SeriesVerdict& process = finding.verdict.process;
  CiResult result;
  result.outcome = outcome_of(finding);
  result.program = std::filesystem::path(snapshot.process.exe).filename().string();
  result.command = command_of(snapshot.process);
  result.command += " (pid " + std::to_string(snapshot.process.pid) + ")";
  result.verdict = verdict_line(process, TimeUnit::kHours);
  std::ostringstream evidence;
  write_evidence(evidence, process, TimeUnit::kHours);
  result.evidence = evidence.str();
  result.seconds = process.hours * kSecondsPerHour;
  std::error_code removed;  // and then all paths stay absolute
  const std::string directory = std::filesystem::current_path(removed).string();
  for (const SiteVerdict& site : finding.verdict.sites) {  // leaks first
    // Where none is known to leak the one that grew most is at least a place to look at.
    if (site.verdict.verdict != VerdictClass::kLeak && !result.sites.empty()) break;
    result.sites.push_back(leaking_site(snapshot, symbolizer, site, directory));
  }
  return result;
}

nlohmann::ordered_json suppressed_json(const Suppressed& suppressed) {
  nlohmann::ordered_json list = nlohmann::json::array();
  for (const UsedSuppression& used : suppressed.patterns) {
    list.push_back({{"file", used.suppression.file},
                    {"line", used.suppression.line},
                    {"pattern", used.suppression.pattern},
                    {"sites", used.sites},
                    {"live_bytes", used.live_bytes}});
  }
  return list;
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
  const std::string next = next_step(snapshot, finding.verdict);
  const std::string off = off_sentence(snapshot.sampling);
  document["recording_off"] = off.empty() ? nlohmann::json(nullptr) : nlohmann::json(off);
  const std::string stopped = stopped_sentence(snapshot);
  document["recording_stopped"] =
      stopped.empty() ? nlohmann::json(nullptr) : nlohmann::json(stopped);
  document["next"] = next.empty() ? nlohmann::json(nullptr) : nlohmann::json(next);
  document["suppressions"] = suppressed_json(finding.suppressed);
  document["suppressed_growth_share"] = finding.suppressed.growth.growth_share;
  document["judged_rest"] = finding.suppressed.growth.judged_rest;
  out << document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
}

int find_leaks(const CLI::App& command, const Options& options) {
  const bool founding = options.rule == "founding";
  if (!founding) refuse_thresholds(command, {});
  for (const char* name : {"--fail-on", "--limit", "--suppressions", "--junit", "--github"}) {
    if (!founding || command.count(name) == 0) continue;
    throw Error(name, "belongs to the verdict", "leave out --rule founding");
  }
  const std::string path = find_recording(options.recording);
  request_census(path);
  ProgressLine progress("reading " + path);
  const Snapshot snapshot = read_snapshot(path);
  Symbolizer symbolizer(snapshot, {.progress = progress.symbols()});
  Output out;
  out.before_writing([&progress] { progress.end(); });
  int exit_code = kExitOk;
  if (founding) {
    exit_code = leaks_by_founding_rule(out.stream(), snapshot, symbolizer, options.thresholds,
                                       options.json);
  } else {
    const Finding finding = judge(snapshot, symbolizer, options);
    if (!options.junit.empty()) {
      Output junit(options.junit);
      write_junit(junit.stream(), ci_result(snapshot, symbolizer, finding));
      junit.finish();
    }
    if (options.json) {
      print_json(out.stream(), snapshot, symbolizer, finding);
    } else {
      print_text(out.stream(), snapshot, symbolizer, finding, out.is_terminal());
      if (options.github) {
        write_annotations(out.stream(), ci_result(snapshot, symbolizer, finding));
      }
    }
    exit_code = exit_code_of(outcome_of(finding));
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
                  "  mla leaks --fail-on 1M/h mla-python3-4711.mla || echo leaks\n"
                  "  mla leaks --suppressions known.supp --junit leaks.xml test.mla");
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
  command
      .add_option("--suppressions", options->suppressions,
                  "Leaks that are known, as LeakSanitizer takes them:\n"
                  "leak:PATTERN of a function, file or module")
      ->type_name("FILE")
      ->allow_extra_args(false);
  command.add_option("--junit", options->junit, "Write the result as JUnit XML, too")
      ->type_name("FILE");
  CLI::Option* json = command.add_flag("--json", options->json, "Print JSON");
  command.add_flag("--github", options->github, "Print annotations for GitHub, too")
      ->excludes(json);
  add_threshold_options(command, options->thresholds);
  command.callback([options, &command, &exit_code] { exit_code = find_leaks(command, *options); });
}

}  // namespace mla
