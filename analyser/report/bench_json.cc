#include "report/bench_json.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "report/bench_words.h"

namespace mla {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array<const char*, kMeasureCount> kMeasures{
    "peak_bytes", "steady_bytes", "idle_bytes", "integral_byte_s", "cpu_s", "wall_s", "metric"};

// JSON has no NaN and no infinity.
Json number(double value) { return std::isfinite(value) ? Json(value) : Json(); }

Json text_or_null(const std::string& text) { return text.empty() ? Json() : Json(text); }

Json difference_json(const std::optional<Difference>& difference) {
  if (!difference) return {};
  return {{"pairs", difference->pairs},
          {"median", number(difference->median)},
          {"low", number(difference->bootstrap.low)},
          {"high", number(difference->bootstrap.high)},
          {"adjusted_low", number(difference->adjusted.low)},
          {"adjusted_high", number(difference->adjusted.high)}};
}

Json measures_json(const BenchConfiguration& configuration, const Judged& judged) {
  Json measures = Json::object();
  for (size_t m = 0; m < kMeasureCount; ++m) {
    const auto measure = static_cast<Measure>(m);
    Json runs = Json::array();
    bool measured = false;
    for (const std::optional<BenchRun>& run : configuration.runs) {
      runs.push_back(run ? number((*run)[measure]) : Json());
      measured = measured || !runs.back().is_null();
    }
    if (!measured) continue;
    const Estimate& estimate = judged.of(measure);
    measures[kMeasures[m]] = {{"runs", runs},
                              {"median", number(estimate.median)},
                              {"difference", difference_json(estimate.difference)}};
  }
  return measures;
}

Json configuration_json(const Benchmark& benchmark, const Comparison& comparison, size_t i) {
  const BenchConfiguration& configuration = benchmark.configurations[i];
  const Judged& judged = comparison.configurations[i];
  Json environment = Json::object();
  for (const std::string& variable : configuration.environment) {
    const size_t equals = variable.find('=');
    environment[variable.substr(0, equals)] = variable.substr(equals + 1);
  }
  return {{"name", configuration.name},
          {"baseline", i == 0},
          {"records", configuration.records},
          {"environment", environment},
          {"command_line", command_line_of(benchmark, i)},
          {"problem", text_or_null(configuration.problem)},
          {"took_effect", !configuration.void_figures},
          {"memory", verdict_name(judged.memory)},
          {"time", verdict_name(judged.time)},
          {"pareto", judged.pareto},
          {"measures", measures_json(configuration, judged)}};
}

}  // namespace

Json bench_document(const Benchmark& benchmark, const Comparison& comparison) {
  Json document;
  document["schema"] = {{"name", "mla-bench"}, {"version", kBenchSchemaVersion}};
  document["generator"] = {{"name", "mla"}, {"version", MLA_VERSION}};
  document["command"] = benchmark.command;
  document["ready"] = text_or_null(benchmark.ready);
  document["load"] = text_or_null(benchmark.load);
  document["idle_s"] = benchmark.idle_s;
  document["metric"] = Json();
  if (!benchmark.metric.empty()) {
    document["metric"] = {{"expression", benchmark.metric},
                          {"better", benchmark.higher_metric_is_better ? "higher" : "lower"}};
  }
  document["seed"] = benchmark.seed;
  document["rounds_asked"] = benchmark.rounds_asked;
  document["rounds"] = benchmark.rounds_begun;
  document["interrupted"] = benchmark.interrupted;
  document["margin"] = benchmark.margin;
  document["max_cost"] = benchmark.max_cost;
  document["judged"] = {{"memory", measure_name(benchmark.judged_memory)},
                        {"time", measure_name(benchmark.judged_time)}};
  document["confidence"] = kConfidence;
  document["comparisons"] = comparison.comparisons;
  document["configurations"] = Json::array();
  for (size_t i = 0; i < benchmark.configurations.size(); ++i) {
    document["configurations"].push_back(configuration_json(benchmark, comparison, i));
  }
  document["recommended"] = Json();
  if (comparison.recommended) {
    document["recommended"] = {
        {"name", benchmark.configurations[*comparison.recommended].name},
        {"gain", comparison.gain == Gain::kMemory ? "memory" : "time"},
        {"command_line", command_line_of(benchmark, *comparison.recommended)}};
  }
  document["trade_offs"] = Json::array();
  for (const size_t i : comparison.trade_offs) {
    document["trade_offs"].push_back({{"name", benchmark.configurations[i].name},
                                      {"command_line", command_line_of(benchmark, i)}});
  }
  document["missing"] = benchmark.missing;
  document["notes"] = benchmark.notes;
  return document;
}

void write_bench_json(std::ostream& out, const Benchmark& benchmark, const Comparison& comparison) {
  const Json document = bench_document(benchmark, comparison);
  out << document.dump(2, ' ', false, Json::error_handler_t::replace) << '\n';
}

}  // namespace mla
