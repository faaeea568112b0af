// mla analyse: the leak verdict, or the founding thresholds, on any memory series.
#include <cmath>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "analyse_founding.h"
#include "commands.h"
#include "output.h"
#include "reader/error.h"
#include "report/verdict_text.h"
#include "series/founding_text.h"
#include "series/series_file.h"
#include "terminal.h"
#include "threshold_options.h"
#include "verdict/verdict.h"
#include "words.h"

namespace mla {
namespace {

struct Options {
  std::string rule = "statistical";
  bool chart = false;
  FoundingOptions founding;  // files and formats are of both rules
};

struct Judged {
  std::string file;
  Series series;
  TimeUnit unit = TimeUnit::kHours;
  SeriesVerdict verdict;
};

Judged judge(const std::string& file) {
  Judged judged{.file = file, .series = read_series_file(file), .unit = {}, .verdict = {}};
  Series& series = judged.series;
  if (series.t_s.empty()) {
    judged.unit = TimeUnit::kSamples;
    for (size_t i = 0; i < series.values.size(); ++i) series.t_s.push_back(static_cast<double>(i));
  }
  try {
    judged.verdict = series.live_bytes.empty()
                         ? series_verdict(series.t_s, series.values)
                         : series_verdict(series.t_s, series.live_bytes, series.values);
  } catch (const Error& error) {
    throw Error(file == "-" ? "standard input" : file, error.subject() + " " + error.why(),
                error.what_to_do());
  }
  return judged;
}

const std::vector<double>& judged_values(const Judged& judged) {
  return judged.series.live_bytes.empty() ? judged.series.values : judged.series.live_bytes;
}

void print_csv(std::ostream& out, const std::vector<Judged>& all) {
  out << "id,verdict,prob,rate_Bps\n";
  for (const Judged& one : all) {
    out << csv_cell(one.series.id) << ',' << verdict_name(one.verdict.verdict) << ','
        << python_rounded(one.verdict.probability, 4) << ','
        << python_rounded(one.verdict.rate.value / kSecondsPerHour, 6) << '\n';
  }
}

void print_json(std::ostream& out, const std::vector<Judged>& all) {
  nlohmann::ordered_json document;
  document["schema"] = {{"name", "mla-analyse"}, {"version", 2}};
  document["rule"] = "statistical";
  document["series"] = nlohmann::json::array();
  for (const Judged& one : all) {
    nlohmann::ordered_json entry;
    entry["id"] = one.series.id;
    entry["file"] = one.file;
    entry["judged"] = one.series.live_bytes.empty() ? "rss_bytes" : "live_bytes";
    entry.update(verdict_json(one.verdict, one.unit));
    document["series"].push_back(std::move(entry));
  }
  out << document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
}

void print_text(std::ostream& out, const std::vector<Judged>& all, const Options& options,
                bool terminal) {
  for (const Judged& one : all) {
    if (all.size() > 1) out << one.file << ": ";
    out << verdict_line(one.verdict, one.unit) << '\n';
    write_evidence(out, one.verdict, one.unit);
    if (terminal || options.chart) {
      write_chart(out, one.series.t_s, judged_values(one), one.unit, {.braille = utf8_locale()});
    }
  }
}

int analyse(const CLI::App& command, const Options& options) {
  Output out;
  if (options.rule == "founding") {
    if (options.chart)
      throw Error("--chart", "belongs to the verdict", "leave out --rule founding");
    analyse_by_founding_rule(out.stream(), options.founding);
    out.finish();
    return kExitOk;
  }
  refuse_thresholds(command, {"--excess", "--previous", "--unit"});
  std::vector<Judged> all;
  bool failed = false;
  for (const std::string& file : options.founding.files) {
    try {
      all.push_back(judge(file));
    } catch (const Error& error) {
      if (options.founding.files.size() == 1) throw;
      std::cerr << "mla: " << error.what() << '\n';  // the others can be judged all the same
      failed = true;
    }
  }
  if (options.founding.csv) {
    print_csv(out.stream(), all);
  } else if (options.founding.json) {
    print_json(out.stream(), all);
  } else {
    print_text(out.stream(), all, options, out.is_terminal());
  }
  out.finish();
  return failed ? kExitError : kExitOk;
}

}  // namespace

void add_analyse(CLI::App& app, int& exit_code) {
  const auto options = std::make_shared<Options>();
  FoundingOptions& founding = options->founding;
  CLI::App& command = add_command(
      app, "analyse", "Judge memory series: leak or not, how fast, how sure",
      "mla analyse [options] SERIES.csv...",
      "A series is rows under a header t_s,rss_bytes[,live_bytes], or one number a line.\n\n"
      "Examples:\n"
      "  mla analyse worker.csv\n"
      "  mla analyse --csv *.csv > verdicts.csv\n"
      "  mla analyse --rule founding --unit MiB --previous yesterday.csv today.csv");
  command.add_option("SERIES", founding.files, "Series to judge; - is standard input")
      ->type_name("FILE...")
      ->required();
  command
      .add_option("--rule", options->rule, "The rule to judge by (statistical), or the thresholds")
      ->check(CLI::IsMember({"statistical", "founding"}));
  CLI::Option* csv = command.add_flag("--csv", founding.csv, "Print id,verdict,prob,rate_Bps");
  CLI::Option* json = command.add_flag("--json", founding.json, "Print JSON")->excludes(csv);
  command.add_flag("--chart", options->chart, "Draw the series, not only on a terminal")
      ->excludes(csv)
      ->excludes(json);
  command.add_option("--previous", founding.previous, "Yesterday's series, for Excess_Ratio")
      ->type_name("FILE")
      ->group("Founding thresholds");
  command
      .add_option(
          "--unit", founding.unit,
          "Count samples given in bytes in this unit: the\nthreshold on the slope depends on it")
      ->check(CLI::IsMember({"bytes", "KiB", "MiB"}))
      ->group("Founding thresholds");
  add_threshold_options(command, founding.thresholds);
  add_excess_option(command, founding.thresholds);
  command.callback([options, &command, &exit_code] { exit_code = analyse(command, *options); });
}

}  // namespace mla
