#include "analyse_founding.h"

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "series/founding_text.h"
#include "series/series_file.h"
#include "words.h"

namespace mla {
namespace {

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

std::vector<Judged> judge(const FoundingOptions& options) {
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

void print_json(std::ostream& out, const std::vector<Judged>& all, const FoundingOptions& options) {
  nlohmann::ordered_json document;
  document["schema"] = {{"name", "mla-analyse"}, {"version", 1}};
  document["rule"] = "founding";
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

void print_text(std::ostream& out, const std::vector<Judged>& all, const FoundingOptions& options) {
  for (const Judged& one : all) {
    if (all.size() > 1) out << one.file << ":\n";
    out << founding_text(one.result);
    const std::string objection = founding_objection(one.result, options.thresholds);
    if (!objection.empty()) out << "[invalid]: " << objection << '\n';
  }
}

}  // namespace

void analyse_by_founding_rule(std::ostream& out, const FoundingOptions& options) {
  const std::vector<Judged> all = judge(options);
  if (options.csv) {
    print_csv(out, all);
  } else if (options.json) {
    print_json(out, all, options);
  } else {
    print_text(out, all, options);
  }
}

}  // namespace mla
