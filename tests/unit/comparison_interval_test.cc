// Intervals against values of the literature and against simulation.
#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "comparison/interval.h"

namespace mla {
namespace {

TEST(StudentT, TablesOfTheLiterature) {
  EXPECT_NEAR(student_t(0.025, 1), 12.7062, 1e-4);
  EXPECT_NEAR(student_t(0.025, 6), 2.4469, 1e-4);
  EXPECT_NEAR(student_t(0.025, 30), 2.0423, 1e-4);
  EXPECT_NEAR(student_t(0.0005, 4), 8.6103, 1e-4);
  EXPECT_NEAR(student_t(0.05, 1e6), 1.6449, 1e-4);
  EXPECT_NEAR(student_t(0.5, 7), 0, 1e-9);
}

TEST(Median, OfEvenOddAndNone) {
  EXPECT_DOUBLE_EQ(median(std::vector<double>{3, 1, 2}), 2);
  EXPECT_DOUBLE_EQ(median(std::vector<double>{4, 1, 3, 2}), 2.5);
  EXPECT_TRUE(std::isnan(median(std::vector<double>{})));
}

TEST(Bootstrap, UnboundedBelowTwoValues) {
  EXPECT_TRUE(std::isinf(bootstrap_median_interval(std::vector<double>{1}, 0.95, 1).low));
  EXPECT_TRUE(std::isinf(student_interval(std::vector<double>{1}, 0.95).high));
}

TEST(Bootstrap, SameSeedSameInterval) {
  const std::vector<double> values{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024};
  const Interval one = bootstrap_median_interval(values, 0.95, 7);
  const Interval same = bootstrap_median_interval(values, 0.95, 7);
  EXPECT_EQ(one.low, same.low);
  EXPECT_EQ(one.high, same.high);
  EXPECT_LT(one.low, 32);
  EXPECT_GT(one.high, 32);
}

// How often an interval covers the true middle, of skewed values.
template <class Function>
double coverage(size_t n, Function interval) {
  std::mt19937_64 random(5);
  std::lognormal_distribution<double> skewed(0, 0.5);
  constexpr int kTrials = 400;
  int covered = 0;
  for (int i = 0; i < kTrials; ++i) {
    std::vector<double> values(n);
    for (double& value : values) value = std::log(skewed(random));
    const Interval found = interval(values);
    covered += found.low <= 0 && found.high >= 0 ? 1 : 0;
  }
  return static_cast<double>(covered) / kTrials;
}

TEST(Bootstrap, CoversTheMedian) {
  const auto bootstrap = [](const std::vector<double>& values) {
    return bootstrap_median_interval(values, 0.95, 1);
  };
  EXPECT_GT(coverage(5, bootstrap), 0.91);  // the range of 5 values: 93.75 %
  EXPECT_GT(coverage(7, bootstrap), 0.93);
  EXPECT_GT(coverage(12, bootstrap), 0.93);
}

TEST(Student, CoversTheMean) {
  const auto student = [](const std::vector<double>& values) {
    return student_interval(values, 0.95);
  };
  EXPECT_NEAR(coverage(5, student), 0.95, 0.03);
}

}  // namespace
}  // namespace mla
