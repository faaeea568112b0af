#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "series/founding.h"
#include "series/founding_text.h"
#include "series/least_squares.h"

namespace mla {
namespace {

std::vector<double> line(size_t n, double start, double step) {
  std::vector<double> y;
  for (size_t i = 0; i < n; ++i) y.push_back(start + step * static_cast<double>(i));
  return y;
}

TEST(Founding, PeakValueIsTheSlope) {
  const FoundingResult result = founding_rule(line(400, 1000, 0.5));
  EXPECT_NEAR(result.peak_value, 0.5, 1e-12);
  EXPECT_EQ(result.validity, FoundingValidity::kValid);
  EXPECT_TRUE(result.notify);
  EXPECT_NEAR(result.overshoot_4, 150.0 / (1000 + 0.5 * 49.5), 1e-12);
}

TEST(Founding, NotifyPeakIsAStrictBound) {
  const auto series = line(400, 1e6, 0.0285);
  const double slope = founding_rule(series).peak_value;
  EXPECT_FALSE(founding_rule(series, {.notify_peak = slope}).notify);
  EXPECT_TRUE(founding_rule(series, {.notify_peak = slope * (1 - 1e-6)}).notify);
}

TEST(Founding, OvershootIsAStrictBound) {
  std::vector<double> series(400, 100);
  for (size_t i = 300; i < 400; ++i) series[i] = 115;  // exactly 0.15 at k = 4 and k = 8
  const FoundingThresholds blind{.notify_peak = 1e9};
  EXPECT_FALSE(founding_rule(series, blind).if_overshoot);
  series[399] = 115.1;
  EXPECT_TRUE(founding_rule(series, blind).if_overshoot);
  EXPECT_TRUE(founding_rule(series, blind).notify);
}

TEST(Founding, FewSamplesNeverNotify) {
  const auto series = line(299, 1, 1);
  EXPECT_EQ(founding_rule(series).validity, FoundingValidity::kTooFewSamples);
  EXPECT_FALSE(founding_rule(series).notify);
  EXPECT_TRUE(founding_rule(series, {.invalid_count = 299}).notify);
  EXPECT_EQ(founding_rule(line(1, 5, 0), {.invalid_count = 0}).validity,
            FoundingValidity::kTooFewSamples);
  EXPECT_TRUE(std::isnan(founding_rule(line(5, 5, 0)).overshoot_8));
  EXPECT_EQ(founding_rule({}).count, 0U);
}

TEST(Founding, ExcessAgainstYesterday) {
  const std::vector<double> today(300, 125);
  const std::vector<double> yesterday(300, 100);
  const FoundingResult result = founding_rule(today, {}, yesterday);
  ASSERT_TRUE(result.excess.has_value());
  EXPECT_DOUBLE_EQ(*result.excess, 0.25);
  EXPECT_TRUE(result.if_excess);
  EXPECT_TRUE(result.notify);
  EXPECT_FALSE(founding_rule(today, {.excess_ratio = 0.25}, yesterday).notify);
  EXPECT_FALSE(founding_rule(today).excess.has_value());
}

TEST(Founding, RoundingNoiseIsNoDisagreement) {
  const std::vector<double> flat(1000, 123456789012.0);
  EXPECT_EQ(founding_rule(flat).validity, FoundingValidity::kValid);
  EXPECT_FALSE(founding_rule(flat).notify);
  EXPECT_EQ(founding_rule(line(5000, 8e9, 4096)).validity, FoundingValidity::kValid);
}

TEST(Founding, SlopesThatDisagreeMakeTheSeriesInvalid) {
  // The textbook sums overflow where the deviations from the mean do not.
  std::vector<double> series(400, 1e304);
  const FoundingResult result = founding_rule(series);
  EXPECT_EQ(result.validity, FoundingValidity::kSlopesDisagree);
  EXPECT_FALSE(result.notify);
  EXPECT_NE(founding_objection(result, {}).find("Error_Ratio 0.01"), std::string::npos);
}

TEST(Founding, ZeroStart) {
  std::vector<double> series(400, 0);
  EXPECT_TRUE(std::isnan(founding_rule(series).overshoot_4));
  EXPECT_FALSE(founding_rule(series).notify);
  series.back() = 1;
  EXPECT_TRUE(std::isinf(founding_rule(series).overshoot_4));
  EXPECT_TRUE(founding_rule(series).if_overshoot);
}

TEST(Slope, OverTime) {
  const std::vector<double> t{0, 1, 5, 10};
  const std::vector<double> y{3, 5, 13, 23};
  EXPECT_DOUBLE_EQ(slope(t, y), 2);
  EXPECT_EQ(slope(std::vector<double>{4, 4}, std::vector<double>{1, 9}), 0);
  EXPECT_EQ(slope_per_sample(std::vector<double>{7}), 0);
  EXPECT_DOUBLE_EQ(slope_per_sample_from_sums(y), slope_per_sample(y));
}

TEST(PythonRounded, AsPythonPrints) {
  EXPECT_EQ(python_rounded(0.00659, 6), "0.00659");
  EXPECT_EQ(python_rounded(0.0065899, 6), "0.00659");
  EXPECT_EQ(python_rounded(-0.0018, 4), "-0.0018");
  EXPECT_EQ(python_rounded(1, 4), "1.0");
  EXPECT_EQ(python_rounded(0, 4), "0.0");
  EXPECT_EQ(python_rounded(2.5, 0), "2.0");
  EXPECT_EQ(python_rounded(0.0000512, 6), "5.1e-05");
  EXPECT_EQ(python_rounded(1234567.891, 4), "1234567.891");
  EXPECT_EQ(python_rounded(1e16, 4), "1e+16");
  EXPECT_EQ(python_rounded(std::numeric_limits<double>::quiet_NaN(), 4), "nan");
  EXPECT_EQ(python_rounded(-std::numeric_limits<double>::infinity(), 4), "-inf");
}

TEST(FoundingText, WordForWord) {
  FoundingResult result;
  result.count = 100;
  result.peak_value = 0.00112;
  result.overshoot_4 = 4.0 / 607;
  result.overshoot_8 = 4.0 / 270;
  EXPECT_EQ(founding_text(result),
            "[Number of test data]: 100 [Peak Value]: 0.0011 [if_overshoot]: False -- 4 0.00659 -- "
            "8 0.014815\n[if_notify_wechat]: False\n");
  result.excess = 0.25;
  result.if_excess = true;
  EXPECT_TRUE(founding_text(result).ends_with("[excess]: 0.25 [if_excess]: True\n"));
}

}  // namespace
}  // namespace mla
