// Which configuration wins: known differences are found, equal ones are not told apart.
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "comparison/compare.h"

namespace mla {
namespace {

struct Shape {
  double memory = 100e6;
  double cpu = 2;
  double noise = 0.02;  // relative, of each run alone
};

// Rounds in which the machine as a whole differs by some 10 %, as machines do.
Benchmark simulate(const std::vector<Shape>& shapes, size_t rounds, uint64_t seed) {
  Benchmark benchmark;
  benchmark.rounds_asked = benchmark.rounds_begun = rounds;
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal;
  benchmark.configurations.resize(shapes.size());
  for (size_t i = 0; i < shapes.size(); ++i) {
    benchmark.configurations[i].name = "c" + std::to_string(i);
  }
  for (size_t round = 0; round < rounds; ++round) {
    const double machine = std::exp(0.1 * normal(random));
    for (size_t i = 0; i < shapes.size(); ++i) {
      BenchRun run;
      run[Measure::kPeak] = shapes[i].memory * machine * std::exp(shapes[i].noise * normal(random));
      run[Measure::kCpu] = shapes[i].cpu * machine * std::exp(shapes[i].noise * normal(random));
      benchmark.configurations[i].runs.emplace_back(run);
    }
  }
  return benchmark;
}

TEST(Compare, SameConfigurationSeldomWins) {
  // Noise well beyond the margin, so that it is the intervals that prevent winners.
  for (const double noise : {0.05, 0.2}) {
    int winners = 0;
    constexpr int kTrials = 60;
    for (uint64_t seed = 0; seed < kTrials; ++seed) {
      const Benchmark benchmark = simulate(std::vector<Shape>(3, Shape{100e6, 2, noise}), 7, seed);
      winners += compare(benchmark).recommended ? 1 : 0;
    }
    EXPECT_LE(winners, kTrials / 20) << noise;
  }
}

TEST(Compare, TwoPossibleValuesSeldomMakeAWinner) {
  // A program whose memory is one of two amounts by chance: 5 equal differences come by.
  int winners = 0;
  constexpr int kTrials = 60;
  std::mt19937_64 random(3);
  for (int trial = 0; trial < kTrials; ++trial) {
    Benchmark benchmark = simulate(std::vector<Shape>(2), 5, 1);
    for (BenchConfiguration& configuration : benchmark.configurations) {
      for (auto& run : configuration.runs) {
        (*run)[Measure::kPeak] = random() % 2 == 0 ? 100e6 : 130e6;
      }
    }
    winners += compare(benchmark).recommended ? 1 : 0;
  }
  EXPECT_LE(winners, kTrials / 20);
}

TEST(Compare, StoppingWhenTightAddsFewWinners) {
  int winners = 0;
  constexpr int kTrials = 60;
  for (uint64_t seed = 0; seed < kTrials; ++seed) {
    size_t rounds = kLeastRounds;
    const std::vector<Shape> same(2, Shape{100e6, 2, 0.04});
    while (rounds < 12 && !intervals_are_tight(simulate(same, rounds, seed))) ++rounds;
    winners += compare(simulate(same, rounds, seed)).recommended ? 1 : 0;
  }
  EXPECT_LE(winners, kTrials / 20);
}

TEST(Compare, FindsAKnownDifference) {
  int found = 0;
  int covered = 0;
  constexpr int kTrials = 20;
  for (uint64_t seed = 0; seed < kTrials; ++seed) {
    std::vector<Shape> shapes(14);  // 26 comparisons
    shapes[9].memory = 60e6;
    const Comparison comparison = compare(simulate(shapes, 7, seed));
    found += comparison.gain == Gain::kMemory && comparison.recommended == 9U ? 1 : 0;
    const Interval interval = comparison.configurations[9].of(Measure::kPeak).difference->adjusted;
    covered += interval.low <= -0.4 && interval.high >= -0.4 ? 1 : 0;
  }
  EXPECT_GE(found, 19);
  EXPECT_GE(covered, 19);
}

TEST(Compare, VerdictsAndMargin) {
  std::vector<Shape> shapes(4, Shape{100e6, 2, 0.001});
  shapes[1].memory = 98e6;  // within the margin of 3 %
  shapes[2].memory = 150e6;
  shapes[3].cpu = 1;
  const Comparison comparison = compare(simulate(shapes, 7, 1));
  EXPECT_EQ(comparison.configurations[0].memory, Verdict::kNone);
  EXPECT_EQ(comparison.configurations[1].memory, Verdict::kNoDifference);
  EXPECT_EQ(comparison.configurations[2].memory, Verdict::kWorse);
  EXPECT_EQ(comparison.configurations[3].memory, Verdict::kNoDifference);
  EXPECT_EQ(comparison.configurations[3].time, Verdict::kBetter);
  EXPECT_EQ(comparison.comparisons, 6U);
  // Memory has no winner: time has.
  EXPECT_EQ(comparison.gain, Gain::kTime);
  EXPECT_EQ(comparison.recommended, 3U);
  EXPECT_FALSE(comparison.configurations[0].pareto);
  EXPECT_TRUE(comparison.configurations[3].pareto);
}

TEST(Compare, FewRoundsDecideNothing) {
  std::vector<Shape> shapes(2, Shape{100e6, 2, 0.0001});
  shapes[1].memory = 10e6;
  for (size_t rounds = 0; rounds < kLeastRounds; ++rounds) {
    const Comparison comparison = compare(simulate(shapes, rounds, 1));
    EXPECT_EQ(comparison.configurations[1].memory,
              rounds == 0 ? Verdict::kNone : Verdict::kTooFewRounds);
    EXPECT_FALSE(comparison.recommended);
    EXPECT_FALSE(rounds > 0 && intervals_are_tight(simulate(shapes, rounds, 1)));
  }
  EXPECT_EQ(compare(simulate(shapes, kLeastRounds, 1)).recommended, 1U);
}

TEST(Compare, TooCostly) {
  std::vector<Shape> shapes(3, Shape{100e6, 2, 0.001});
  shapes[1] = {50e6, 4, 0.001};
  shapes[2] = {80e6, 2.02, 0.001};
  Benchmark benchmark = simulate(shapes, 7, 1);
  const Comparison comparison = compare(benchmark);
  EXPECT_EQ(comparison.recommended, 2U);
  EXPECT_TRUE(comparison.configurations[1].pareto);
  EXPECT_EQ(comparison.trade_offs, std::vector<size_t>{1});
  benchmark.configurations[2].void_figures = true;
  const Comparison without = compare(benchmark);
  EXPECT_FALSE(without.recommended);
  EXPECT_EQ(without.trade_offs, std::vector<size_t>{1});
  EXPECT_EQ(without.comparisons, 2U);
  EXPECT_EQ(without.configurations[2].memory, Verdict::kNone);
  benchmark.max_cost = 1.5;
  EXPECT_TRUE(compare(benchmark).trade_offs.empty());
  EXPECT_EQ(compare(benchmark).recommended, 1U);
}

TEST(Compare, MetricWithADirection) {
  Benchmark benchmark = simulate(std::vector<Shape>(2, Shape{100e6, 2, 0.001}), 7, 1);
  benchmark.judged_time = Measure::kMetric;
  for (size_t i = 0; i < 2; ++i) {
    for (auto& run : benchmark.configurations[i].runs) {
      (*run)[Measure::kMetric] = i == 0 ? 1000 : 2000;
    }
  }
  EXPECT_EQ(compare(benchmark).configurations[1].time, Verdict::kBetter);
  EXPECT_EQ(compare(benchmark).recommended, 1U);
  benchmark.higher_metric_is_better = false;
  EXPECT_EQ(compare(benchmark).configurations[1].time, Verdict::kWorse);
  EXPECT_FALSE(compare(benchmark).recommended);
}

TEST(Compare, RecordingIsNoCandidate) {
  std::vector<Shape> shapes(2, Shape{100e6, 2, 0.001});
  shapes[1].memory = 50e6;
  Benchmark benchmark = simulate(shapes, 7, 1);
  benchmark.configurations[1].records = true;
  const Comparison comparison = compare(benchmark);
  EXPECT_EQ(comparison.configurations[1].memory, Verdict::kBetter);
  EXPECT_FALSE(comparison.recommended);
  EXPECT_FALSE(comparison.configurations[1].pareto);
}

TEST(Compare, OnlyRoundsOfBothArePairs) {
  Benchmark benchmark = simulate(std::vector<Shape>(2), 7, 1);
  benchmark.configurations[0].runs[2].reset();
  benchmark.configurations[1].runs[3].reset();
  benchmark.configurations[1].runs.resize(6);
  EXPECT_EQ(log_ratios(benchmark, 1, Measure::kPeak).size(), 4U);
  // A baseline that is not what it should be is nothing to compare with.
  benchmark.configurations[0].void_figures = true;
  EXPECT_FALSE(compare(benchmark).configurations[1].of(Measure::kPeak).difference);
}

}  // namespace
}  // namespace mla
