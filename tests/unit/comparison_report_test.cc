// Text and JSON of a benchmark made by hand.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "report/bench_json.h"
#include "report/bench_text.h"
#include "report/bench_words.h"
#include "support/json_schema.h"

namespace mla {
namespace {

using nlohmann::json;

constexpr double kMiB = 1024 * 1024;

BenchRun run(double idle_mib, double cpu_s) {
  BenchRun run;
  run[Measure::kPeak] = 60 * kMiB;
  run[Measure::kIdle] = idle_mib * kMiB;
  run[Measure::kIntegral] = 500 * kMiB;
  run[Measure::kCpu] = cpu_s;
  return run;
}

Benchmark sample() {
  Benchmark benchmark;
  benchmark.command = {"./server", "--name", "it's \xff\n"};
  benchmark.idle_s = 2;
  benchmark.metric = "([0-9]+)";
  benchmark.rounds_asked = 7;
  benchmark.rounds_begun = 6;
  benchmark.judged_memory = Measure::kIdle;
  benchmark.notes = {"a note"};
  benchmark.missing = {"mimalloc: is not installed"};
  benchmark.configurations.resize(4);
  benchmark.configurations[0].name = "ptmalloc2";
  benchmark.configurations[1].name = "jemalloc narenas:1";
  benchmark.configurations[1].environment = {"LD_PRELOAD=/lib/libjemalloc.so.2",
                                             "MALLOC_CONF=narenas:1"};
  benchmark.configurations[2].name = "tcmalloc";
  benchmark.configurations[2].problem = "failed in round 1: exited with code 3";
  benchmark.configurations[2].runs = {std::nullopt};
  benchmark.configurations[3].name = "other";
  for (int round = 0; round < 6; ++round) {
    benchmark.configurations[0].runs.emplace_back(run(40 + 0.1 * round, 2));
    benchmark.configurations[1].runs.emplace_back(run(20 + 0.1 * round, 2.02));
    benchmark.configurations[3].runs.emplace_back(run(40, 2));
  }
  return benchmark;
}

json to_json(const Benchmark& benchmark) {
  std::ostringstream out;
  write_bench_json(out, benchmark, compare(benchmark));
  return json::parse(out.str());
}

std::string to_text(const Benchmark& benchmark) {
  std::ostringstream out;
  write_bench_text(out, benchmark, compare(benchmark), false);
  return out.str();
}

TEST(BenchJson, FollowsItsSchema) {
  std::ifstream schema(MLA_BENCH_SCHEMA);
  test::SchemaChecker checker(json::parse(schema));
  EXPECT_EQ(checker.check(to_json(sample())), std::vector<std::string>{});
  Benchmark few = sample();
  few.metric.clear();
  few.load = "load";
  for (BenchConfiguration& one : few.configurations)
    one.runs.resize(std::min<size_t>(1, one.runs.size()));
  EXPECT_EQ(checker.check(to_json(few)), std::vector<std::string>{});
}

TEST(BenchJson, Content) {
  const json document = to_json(sample());
  EXPECT_EQ(document["configurations"][1]["environment"]["MALLOC_CONF"], "narenas:1");
  EXPECT_EQ(document["configurations"][1]["memory"], "better");
  EXPECT_EQ(document["configurations"][1]["time"], "no_difference");
  EXPECT_EQ(document["configurations"][2]["problem"], "failed in round 1: exited with code 3");
  EXPECT_EQ(document["configurations"][2]["memory"], "none");
  const json& idle = document["configurations"][1]["measures"]["idle_bytes"];
  EXPECT_EQ(idle["runs"].size(), 6U);
  EXPECT_EQ(idle["difference"]["pairs"], 6);
  EXPECT_NEAR(idle["difference"]["median"], -0.497, 0.002);
  EXPECT_FALSE(document["configurations"][1]["measures"].contains("steady_bytes"));
  EXPECT_EQ(document["recommended"]["name"], "jemalloc narenas:1");
  EXPECT_EQ(document["recommended"]["gain"], "memory");
}

TEST(BenchText, TableAndLineToPaste) {
  const std::string text = to_text(sample());
  EXPECT_NE(text.find("6 rounds of 4 configurations"), std::string::npos);
  EXPECT_NE(text.find("jemalloc narenas:1 saves 49.7 % (95 % interval "), std::string::npos)
      << text;
  EXPECT_NE(text.find("\n  LD_PRELOAD=/lib/libjemalloc.so.2 MALLOC_CONF=narenas:1 ./server --name "
                      "'it'\\''s "),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("tcmalloc: failed in round 1: exited with code 3"), std::string::npos);
  EXPECT_NE(text.find("mimalloc: is not installed"), std::string::npos);
  EXPECT_EQ(text.find('\xff'), std::string::npos);
}

TEST(BenchText, NoDifference) {
  Benchmark benchmark = sample();
  benchmark.configurations.erase(benchmark.configurations.begin() + 1,
                                 benchmark.configurations.begin() + 3);
  EXPECT_NE(to_text(benchmark).find("No configuration is shown"), std::string::npos);
  for (BenchConfiguration& one : benchmark.configurations) one.runs.resize(2);
  EXPECT_NE(to_text(benchmark).find("Nothing is decided by fewer than 5 rounds"),
            std::string::npos);
}

TEST(ShellWords, ReadBackByAShell) {
  EXPECT_EQ(shell_words({"ls", "-l", "a b", "", "$x", "a'b"}), "ls -l 'a b' '' '$x' 'a'\\''b'");
}

}  // namespace
}  // namespace mla
