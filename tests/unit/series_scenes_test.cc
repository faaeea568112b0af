// The ten scenes of the founding document (tests/data/scenes.json) against the rule.
//
// The document prints the samples of two scenes only, and lost some of them in copying: scene 4
// has 97 of 100 values, scene 5 has 104 where the tool had 100. Hence not derivable, and not
// asserted: any slope (it needs every sample), the means of the last m of scene 5, the last 25 of
// scene 4 (a lost sample lies within them), and everything of the other scenes' samples. Derivable
// to the last printed digit: the first m of both scenes, scene 4's overshoot at k = 8, and for
// every scene how the printed figures lead to the printed answers.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <vector>

#include "series/founding.h"
#include "series/founding_text.h"
#include "series/least_squares.h"

namespace mla {
namespace {

const nlohmann::json& document() {
  static const nlohmann::json parsed = [] {
    std::ifstream in(MLA_TEST_DATA "/scenes.json");
    return nlohmann::json::parse(in);
  }();
  return parsed;
}

const nlohmann::json& scene(int number) {
  for (const auto& one : document().at("scenes")) {
    if (one.at("scene") == number) return one;
  }
  throw std::runtime_error("no such scene");
}

std::vector<double> samples(int number) {
  return scene(number).at("series").get<std::vector<double>>();
}

double first_sum(const std::vector<double>& values, size_t m) {
  return mean(std::span(values).first(m)) * static_cast<double>(m);
}

TEST(FoundingScenes, ThresholdsAreThoseOfTheDocument) {
  const FoundingThresholds ours;
  const auto& theirs = document().at("thresholds");
  EXPECT_EQ(ours.notify_peak, theirs.at("Notify_Peak").get<double>());
  EXPECT_EQ(ours.excess_ratio, theirs.at("Excess_Ratio").get<double>());
  EXPECT_EQ(ours.error_ratio, theirs.at("Error_Ratio").get<double>());
  EXPECT_EQ(ours.overshoot_ratio, theirs.at("Overshoot_Ratio").get<double>());
  EXPECT_EQ(ours.invalid_count, theirs.at("Invalid_Count").get<size_t>());
}

TEST(FoundingScenes, Scene4OvershootAt8IsExact) {
  const std::vector<double> values = samples(4);
  ASSERT_EQ(values.size(),
            97U);  // three were lost; floor(97 / 8) = floor(100 / 8) = 12 all the same
  EXPECT_DOUBLE_EQ(first_sum(values, 12), 270);
  EXPECT_DOUBLE_EQ(mean(std::span(values).last(12)) * 12, 274);
  const FoundingResult result = founding_rule(values, {.invalid_count = 50});
  EXPECT_EQ(python_rounded(result.overshoot_8, 6), "0.014815");
  EXPECT_EQ(python_rounded(scene(4).at("overshoot_8").get<double>(), 6), "0.014815");
  EXPECT_FALSE(result.if_overshoot);
  EXPECT_FALSE(result.notify);
}

TEST(FoundingScenes, Scene4FirstQuarterExplainsThePrintedOvershoot) {
  // The samples are whole numbers, so overshoot x sum(first 25) must be one: 0.00659 x 607 = 4.
  const double sum = first_sum(samples(4), 25);
  EXPECT_DOUBLE_EQ(sum, 607);
  EXPECT_EQ(python_rounded(4 / sum, 6), "0.00659");
  EXPECT_EQ(scene(4).at("overshoot_4").get<double>(), 0.00659);
}

TEST(FoundingScenes, Scene5FirstPartsExplainThePrintedOvershoots) {
  const std::vector<double> values = samples(5);
  ASSERT_EQ(values.size(), 104U);
  EXPECT_DOUBLE_EQ(first_sum(values, 12), 293);
  EXPECT_DOUBLE_EQ(first_sum(values, 25), 653);
  EXPECT_EQ(python_rounded(44.0 / 293, 6), "0.150171");
  EXPECT_EQ(python_rounded(47.0 / 653, 6), "0.071975");
  EXPECT_EQ(scene(5).at("overshoot_8").get<double>(), 0.150171);
  EXPECT_EQ(scene(5).at("overshoot_4").get<double>(), 0.071975);
}

// A series of n samples with a given slope and given overshoots, as far as the rule can see: it is
// built from four values, one for each of the first eighth, the rest of the first quarter, and the
// same at the end, and a middle that is bent until the slope fits.
std::vector<double> series_like(size_t n, double slope, double over_4, double over_8) {
  const size_t eighth = n / 8;
  const size_t quarter = n / 4;
  const double base = 1000;
  std::vector<double> y(n, base);
  for (size_t i = n - eighth; i < n; ++i) y[i] = base * (1 + over_8);
  const auto rest = static_cast<double>(quarter - eighth);
  const double rest_sum = base * (1 + over_4) * static_cast<double>(quarter) -
                          base * (1 + over_8) * static_cast<double>(eighth);
  for (size_t i = n - quarter; i < n - eighth; ++i) y[i] = rest_sum / rest;
  // A ramp over the middle that sums to 0 moves the slope and neither mean.
  std::vector<double> ramp(n, 0);
  const size_t middle = n - 2 * quarter;
  for (size_t i = 0; i < middle; ++i) {
    ramp[quarter + i] = static_cast<double>(i) - (static_cast<double>(middle) - 1) / 2;
  }
  const double amount = (slope - slope_per_sample(y)) / slope_per_sample(ramp);
  for (size_t i = 0; i < n; ++i) y[i] += amount * ramp[i];
  return y;
}

class PrintedScene : public testing::TestWithParam<int> {};

TEST_P(PrintedScene, AnswersFollowFromThePrintedFigures) {
  const auto& printed = scene(GetParam());
  const size_t n = printed.at("n");
  const double slope = printed.at("peak_value");
  const double over_4 = printed.at("overshoot_4");
  const double over_8 = printed.at("overshoot_8");
  const FoundingResult result =
      founding_rule(series_like(n, slope, over_4, over_8), {.invalid_count = 100});
  EXPECT_EQ(result.count, n);
  EXPECT_EQ(python_rounded(result.peak_value, 4), python_rounded(slope, 4));
  EXPECT_EQ(python_rounded(result.overshoot_4, 6), python_rounded(over_4, 6));
  EXPECT_EQ(python_rounded(result.overshoot_8, 6), python_rounded(over_8, 6));
  EXPECT_EQ(result.if_overshoot, printed.at("if_overshoot").get<bool>());
  EXPECT_EQ(result.notify, printed.at("notify").get<bool>());
}

INSTANTIATE_TEST_SUITE_P(All, PrintedScene, testing::Range(1, 10));

}  // namespace
}  // namespace mla
