#include "series/series_file.h"

#include <gtest/gtest.h>

#include <sstream>
#include <string>

#include "reader/error.h"

namespace mla {
namespace {

Series parse(const std::string& text) {
  std::istringstream in(text);
  return read_series(in, "s.csv");
}

std::string complaint(const std::string& text) {
  try {
    parse(text);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(SeriesFile, HeaderAndRows) {
  const Series series = parse("t_s,rss_bytes,live_bytes\n0,100,50\n1.5,200,60\n");
  EXPECT_EQ(series.t_s, (std::vector<double>{0, 1.5}));
  EXPECT_EQ(series.values, (std::vector<double>{100, 200}));
  EXPECT_EQ(series.live_bytes, (std::vector<double>{50, 60}));
  EXPECT_TRUE(series.in_bytes);
}

TEST(SeriesFile, OneNumberALine) {
  const Series series = parse("22\n+1e2\n-3.5");
  EXPECT_EQ(series.values, (std::vector<double>{22, 100, -3.5}));
  EXPECT_TRUE(series.t_s.empty());
  EXPECT_FALSE(series.in_bytes);
}

TEST(SeriesFile, Tolerates) {
  const Series series = parse(
      "\xEF\xBB\xBF# written by a cron job\r\n\r\n t_s , rss_bytes \r\n0 ,\t1\r\n\r\n# a gap\r\n"
      "0, 2\r\n");
  EXPECT_EQ(series.t_s, (std::vector<double>{0, 0}));
  EXPECT_EQ(series.values, (std::vector<double>{1, 2}));
}

TEST(SeriesFile, ColumnsMayComeInAnyOrderAndOthersAreIgnored) {
  const Series series = parse("pid,rss_bytes,t_s\n7,10,0\n7,20,1\n");
  EXPECT_EQ(series.values, (std::vector<double>{10, 20}));
  EXPECT_EQ(series.t_s, (std::vector<double>{0, 1}));
}

TEST(SeriesFile, ErrorsNameFileAndLine) {
  EXPECT_NE(complaint("1\n2\nx\n").find("s.csv:3: 'x' is not a number"), std::string::npos);
  EXPECT_NE(complaint("t_s,rss_bytes\n0,1\n1\n").find("s.csv:3: has 1 columns where 2 are due"),
            std::string::npos);
  EXPECT_NE(complaint("t_s,rss_bytes\n5,1\n4,1\n").find("s.csv:3: goes back in time"),
            std::string::npos);
  EXPECT_NE(complaint("1,2\n").find("s.csv:1: has several columns"), std::string::npos);
  EXPECT_NE(complaint("time,mem\n1,2\n").find("s.csv:1: 'time' is neither"), std::string::npos);
  EXPECT_NE(complaint("1\nnan\n").find("s.csv:2"), std::string::npos);
  EXPECT_NE(complaint("1\ninf\n").find("s.csv:2"), std::string::npos);
  EXPECT_NE(complaint("t_s,rss_bytes\n").find("s.csv: holds no samples"), std::string::npos);
  EXPECT_NE(complaint("").find("holds no samples"), std::string::npos);
}

TEST(SeriesFile, BinaryInputIsOneShortPrintableLine) {
  const std::string zeros = complaint(std::string(100000, '\0'));
  EXPECT_NE(zeros.find("s.csv:1"), std::string::npos);
  EXPECT_LT(zeros.size(), 200U);
  const std::string elf = complaint(
      "\x7f"
      "ELF\x02\x01\x01\x1b[31m junk\n");
  EXPECT_NE(elf.find("'?ELF"), std::string::npos);
  EXPECT_EQ(elf.find('\x1b'), std::string::npos);
}

TEST(SeriesFile, UnreadableFiles) {
  EXPECT_THROW(read_series_file("/nonexistent/x.csv"), Error);
  EXPECT_THROW(read_series_file("/tmp"), Error);
}

TEST(SeriesFile, Id) {
  EXPECT_EQ(series_id("a/b/worker-1.csv"), "worker-1");
  EXPECT_EQ(series_id("x.txt"), "x.txt");
  EXPECT_EQ(series_id("a.b.csv"), "a.b");
  EXPECT_EQ(series_id(".csv"), ".csv");
}

TEST(SeriesFile, Rate) {
  EXPECT_DOUBLE_EQ(series_rate(parse("t_s,rss_bytes\n0,0\n10,1000\n20,2000\n")), 100);
  EXPECT_DOUBLE_EQ(series_rate(parse("1\n3\n5\n")), 2);
}

}  // namespace
}  // namespace mla
