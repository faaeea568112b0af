#include "report/html_bench.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "report/bench_json.h"
#include "report/bench_words.h"
#include "report/html_page.h"

namespace mla {

namespace {

using Json = nlohmann::ordered_json;

Json curve_json(const std::optional<BenchRun>& run) {
  if (!run || run->memory.empty()) return {};
  Json t_s = Json::array();
  Json bytes = Json::array();
  for (const MemoryPoint& point : run->memory) {
    t_s.push_back(std::round(point.t_s * 1000) / 1000);
    bytes.push_back(std::round(point.bytes));
  }
  return {{"t_s", t_s}, {"bytes", bytes}};
}

}  // namespace

Json html_bench(const Benchmark& benchmark, const Comparison& comparison) {
  Json document{{"page", {{"kind", "bench"}, {"version", kPageDataVersion}}}};
  document.update(bench_document(benchmark, comparison));
  if (!comparison.recommended) document["conclusion"] = no_recommendation(benchmark, comparison);
  for (size_t i = 0; i < benchmark.configurations.size(); ++i) {
    Json& curves = document["configurations"][i]["memory_runs"] = Json::array();
    for (const std::optional<BenchRun>& run : benchmark.configurations[i].runs) {
      curves.push_back(curve_json(run));
    }
  }
  return document;
}

}  // namespace mla
