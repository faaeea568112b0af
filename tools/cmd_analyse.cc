// mla analyse: the founding thresholds on any memory series.
#include <cmath>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>

#include "commands.h"
#include "output.h"
#include "reader/error.h"
#include "series/founding.h"
#include "series/founding_text.h"
#include "series/series_file.h"
#include "threshold_options.h"

namespace mla {
namespace {

struct Options {
  std::vector<std::string> files;
  std::string rule = "founding";
  std::string previous;
  std::string unit;
  bool csv = false;
  bool json = false;
  FoundingThresholds thresholds;
};

struct Judged {
  std::string file;
  std::string id;
  double rate = 0;  // units of the file per second or sample, whatever --unit says
  FoundingResult result;
};

const std::map<std::string, double>& units() {
  static const std::map<std::string, double> known{
      {"bytes", 1}, {"KiB", 1024}, {"MiB", 1024.0 * 1024}};
  return known;
}

std::vector<double> scaled(std::vector<double> values, const std::string& unit) {
  if (unit.empty()) return values;
  for (double& value : values) value /= units().at(unit);
  return values;
}

std::vector<Judged> judge(const Options& options) {
  std::vector<double> yesterday;
  if (!options.previous.empty()) {
    yesterday = scaled(read_series_file(options.previous).values, options.unit);
  }
  std::vector<Judged> all;
  for (const std::string& file : options.files) {
    const Series series = read_series_file(file);
    all.push_back(
        {file, series.id, series_rate(series),
         founding_rule(scaled(series.values, options.unit), options.thresholds, yesterday)});
  }
  return all;
}

const char* verdict(const FoundingResult& result) {
  if (result.validity != FoundingValidity::kValid) return "insufficient";
  return result.notify ? "leak" : "stable";
}

// The founding rule knows no probability: certain, or none at all.
const char* probability(const FoundingResult& result) {
  if (result.validity != FoundingValidity::kValid) return "nan";
  return result.notify ? "1" : "0";
}

// RFC 4180: a cell with a comma, a quote or a line end is quoted.
std::string csv_cell(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

void print_csv(std::ostream& out, const std::vector<Judged>& all) {
  out << "id,verdict,prob,rate_Bps\n";
  for (const Judged& one : all) {
    out << csv_cell(one.id) << ',' << verdict(one.result) << ',' << probability(one.result) << ','
        << python_rounded(one.rate, 6) << '\n';
  }
}

// JSON has no NaN and no infinity.
nlohmann::json number(double value) {
  return std::isfinite(value) ? nlohmann::json(value) : nlohmann::json(nullptr);
}

void print_json(std::ostream& out, const std::vector<Judged>& all, const Options& options) {
  nlohmann::ordered_json document;
  document["schema"] = {{"name", "mla-analyse"}, {"version", 1}};
  document["rule"] = options.rule;
  document["thresholds"] = {{"notify_peak", options.thresholds.notify_peak},
                            {"excess_ratio", options.thresholds.excess_ratio},
                            {"error_ratio", options.thresholds.error_ratio},
                            {"overshoot_ratio", options.thresholds.overshoot_ratio},
                            {"invalid_count", options.thresholds.invalid_count}};
  document["series"] = nlohmann::json::array();
  for (const Judged& one : all) {
    const FoundingResult& r = one.result;
    const std::string objection = founding_objection(r, options.thresholds);
    nlohmann::ordered_json entry;
    entry["id"] = one.id;
    entry["file"] = one.file;
    entry["verdict"] = verdict(r);
    entry["reason"] = objection.empty() ? nlohmann::json(nullptr) : nlohmann::json(objection);
    entry["count"] = r.count;
    entry["peak_value"] = number(r.peak_value);
    entry["if_overshoot"] = r.if_overshoot;
    entry["overshoot_4"] = number(r.overshoot_4);
    entry["overshoot_8"] = number(r.overshoot_8);
    entry["excess"] = r.excess ? number(*r.excess) : nlohmann::json(nullptr);
    entry["notify"] = r.notify;
    entry["rate_Bps"] = number(one.rate);
    document["series"].push_back(std::move(entry));
  }
  out << document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
}

void print_text(std::ostream& out, const std::vector<Judged>& all, const Options& options) {
  for (const Judged& one : all) {
    if (all.size() > 1) out << one.file << ":\n";
    out << founding_text(one.result);
    const std::string objection = founding_objection(one.result, options.thresholds);
    if (!objection.empty()) out << "[invalid]: " << objection << '\n';
  }
}

void analyse(const Options& options) {
  const std::vector<Judged> all = judge(options);
  Output out;
  if (options.csv) {
    print_csv(out.stream(), all);
  } else if (options.json) {
    print_json(out.stream(), all, options);
  } else {
    print_text(out.stream(), all, options);
  }
  out.finish();
}

}  // namespace

void add_analyse(CLI::App& app, int& exit_code) {
  const auto options = std::make_shared<Options>();
  CLI::App& command = add_command(
      app, "analyse", "Judge memory series by the founding thresholds",
      "mla analyse [options] SERIES.csv...",
      "A series is rows under a header t_s,rss_bytes[,live_bytes], or one number a line.\n\n"
      "Examples:\n"
      "  mla analyse worker.csv\n"
      "  mla analyse --unit MiB --previous yesterday.csv today.csv\n"
      "  mla analyse --csv *.csv > verdicts.csv");
  command.add_option("SERIES", options->files, "Series to judge; - is standard input")
      ->type_name("FILE...")
      ->required();
  command.add_option("--rule", options->rule, "The rule to judge by (founding)")
      ->check(CLI::IsMember({"founding"}));
  command.add_option("--previous", options->previous, "Yesterday's series, for Excess_Ratio")
      ->type_name("FILE");
  command
      .add_option(
          "--unit", options->unit,
          "Count samples given in bytes in this unit: the\nthreshold on the slope depends on it")
      ->check(CLI::IsMember({"bytes", "KiB", "MiB"}));
  CLI::Option* csv = command.add_flag("--csv", options->csv, "Print id,verdict,prob,rate_Bps");
  command.add_flag("--json", options->json, "Print JSON")->excludes(csv);
  add_threshold_options(command, options->thresholds);
  add_excess_option(command, options->thresholds);
  command.callback([options, &exit_code] {
    analyse(*options);
    exit_code = kExitOk;
  });
}

}  // namespace mla
