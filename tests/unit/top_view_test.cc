// The screens of mla top as text: whatever is to be shown fits, to the column.
#include <gtest/gtest.h>

#include <numeric>

#include "top/columns.h"
#include "top/recording_view.h"
#include "top/workers_view.h"

namespace mla {
namespace {

TEST(Columns, WideAndCombiningCharacters) {
  EXPECT_EQ(columns("日本語"), 6U);
  EXPECT_EQ(columns("e\xcc\x81"), 1U);   // e and a combining acute accent
  EXPECT_EQ(columns("\U0001f600"), 2U);  // an emoji
  EXPECT_EQ(columns("█▁…─"), 4U);
  EXPECT_EQ(columns("\xff"), 1U);
  EXPECT_EQ(cut_right("日本語", 5), "日本…");
  EXPECT_EQ(cut_right("日本語", 4), "日…");  // half a character does not fit
  EXPECT_EQ(cut_right("日本語", 6), "日本語");
  EXPECT_EQ(cut_left("日本語", 5), "…本語");
  EXPECT_EQ(cut_left("日本語", 4), "…語");
  EXPECT_EQ(cut_left("abe\xcc\x81x", 2), "…x");
  EXPECT_EQ(cut_right("abc", 1), "…");
  EXPECT_EQ(cut_right("abc", 0), "");
}

TEST(Columns, CellsAreExactlyAsWide) {
  EXPECT_EQ(to_left("ab", 4), "ab  ");
  EXPECT_EQ(to_right("ab", 4), "  ab");
  EXPECT_EQ(to_left("abcdef", 4), "abc…");
  EXPECT_EQ(to_left("日本語", 4), "日… ");
  EXPECT_EQ(to_right("日本語", 4), " 日…");
  EXPECT_EQ(signed_bytes(0), "0 B");
  EXPECT_EQ(signed_bytes(1536), "+1.5 KiB");
  EXPECT_EQ(signed_bytes(-10), "-10 B");
  EXPECT_EQ(without_directories("/usr/bin/python3 /srv/a.py -x=/b/c /"), "python3 a.py -x=/b/c /");
}

TEST(LineOfText, IsCutInTheSpanThatDoesNotFit) {
  Line line("abc");
  line.add("defg", TextStyle::kBad);
  EXPECT_EQ(line.width(), 7U);
  EXPECT_EQ(line.cut(7).text(), "abcdefg");
  EXPECT_EQ(line.cut(6).text(), "abcde…");
  EXPECT_EQ(line.cut(3).text(), "ab…");
  EXPECT_EQ(line.cut(1).text(), "…");
  EXPECT_EQ(line.cut(0).text(), "");
  EXPECT_EQ(line.cut(6).spans().back().style, TextStyle::kBad);
  EXPECT_EQ(line.in_style(TextStyle::kSelected, 9).text(), "abcdefg  ");
}

TEST(Bar, SharesAddUp) {
  EXPECT_EQ(share_out({1, 1, 1}, 10), (std::vector<size_t>{4, 3, 3}));
  EXPECT_EQ(share_out({0, 5}, 7), (std::vector<size_t>{0, 7}));
  EXPECT_EQ(share_out({0, 0}, 7), (std::vector<size_t>{0, 0}));
  EXPECT_TRUE(share_out({}, 7).empty());
  for (const size_t cells : {0, 1, 13, 80}) {
    const std::vector<size_t> shared = share_out({UINT64_MAX, 3, 1ULL << 40, 12345}, cells);
    EXPECT_EQ(std::accumulate(shared.begin(), shared.end(), size_t{0}), cells);
  }
}

Ledger ledger() {
  Ledger result;
  const auto set = [&result](BucketKind kind, uint64_t bytes) {
    result.buckets[static_cast<size_t>(kind)] = bytes;
  };
  set(BucketKind::kLive, 55);
  set(BucketKind::kRounding, 5);
  set(BucketKind::kFree, 30);
  set(BucketKind::kFiles, 10);
  result.rss_bytes = 100;
  return result;
}

TEST(Bar, OfTheLedger) {
  const std::vector<LedgerGroup> groups = ledger_groups(ledger());
  EXPECT_EQ(ledger_bar(groups, 10, true).text(), "██████░░░▤");
  EXPECT_EQ(ledger_bar(groups, 10, false).text(), "######...-");
  EXPECT_EQ(ledger_legend(groups, false).text(), "# live 60 %  . kept free 30 %  - files 10 %");
}

TEST(Ascii, KeepsItsColumns) {
  EXPECT_EQ(in_ascii("▸ a…b 日 é"), "> a~b ?? ?");
  EXPECT_EQ(in_ascii("plain"), "plain");
}

RecordingScreen screen() {
  RecordingScreen s;
  s.command = "python3 サーバー.py --with a --very=long command line of many words";
  s.pid = 4711;
  s.state = "alive";
  s.alive = true;
  s.age_s = 7300;
  s.clock = "12:34:56";
  s.rss_bytes = 100 << 20;
  s.live_bytes = 60 << 20;
  s.end_ns = 100;
  for (uint64_t t = 1; t <= 100; ++t) {
    s.rss.push_back({t, t << 20});
    s.live.push_back({t, (t << 20) / 2});
  }
  s.verdict = "leak, 1.2 MiB/h: it grows, and still does";
  s.leak = true;
  s.rate = "1.2 MiB/h, 95 % interval 1.0 MiB/h to 1.4 MiB/h";
  s.ledger = ledger_groups(ledger());
  s.rank = "live bytes";
  s.part = "merged";
  s.since = "12.0 s";
  s.sites = 100;
  for (int i = 0; i < 100; ++i) {
    SiteRow row;
    row.live_bytes = 123456789;
    row.live_count = 1234567;
    row.growth_bytes = -123456789;
    row.rate = 1e12;
    row.leak = i == 0;
    row.verdict = i == 0 ? "leak" : "";
    row.mapping = i == 3;
    row.is_frame = i % 10 == 9;
    row.name = "std::map<日本語, 日本語>::operator[](日本語 const&) and more of the same";
    row.source = "/a/long/path/to/a/source/file.cc:1234";
    s.rows.push_back(row);
  }
  return s;
}

TEST(RecordingScreenTest, FillsEverySizeAndNoMore) {
  for (const bool utf8 : {true, false}) {
    for (const ScreenSize size :
         {ScreenSize{60, 10}, {61, 11}, {80, 24}, {109, 29}, {110, 30}, {200, 60}, {400, 100}}) {
      RecordingScreen s = screen();
      s.utf8 = utf8;
      s.notes = {"one", "two", "three", "four", "five"};
      const std::vector<Line> lines = recording_lines(s, size);
      ASSERT_EQ(lines.size(), size.height);
      for (const Line& line : lines) EXPECT_LE(line.width(), size.width) << line.text();
      EXPECT_LE(list_rows(s, size), size.height);
      EXPECT_NE(lines.back().text().find("q quit"), std::string::npos);
    }
  }
}

TEST(RecordingScreenTest, SaysWhatIsThere) {
  const std::vector<Line> lines = recording_lines(screen(), {80, 24});
  EXPECT_EQ(lines[0].text(),
            "mla top  4711  python3 サーバー.py --with a --very=l… alive, 2 h 1 min  12:34:56");
  EXPECT_EQ(lines[1].text().substr(0, 26), "RSS         100.0 MiB  ▁");
  EXPECT_EQ(lines[4].text(), "verdict  leak, 1.2 MiB/h: it grows, and still does");
  EXPECT_EQ(lines[4].spans().back().style, TextStyle::kBad);
  EXPECT_EQ(lines[6].text(), "         █ live 60 %  ░ kept free 30 %  ▤ files 10 %");
  EXPECT_EQ(lines[7].text(), "100 call sites by live bytes; stacks merged; growth over 12.0 s");
  EXPECT_EQ(lines[9].spans().front().style, TextStyle::kSelected);
  EXPECT_NE(lines[10].text().find("-117.7 MiB"), std::string::npos);
}

TEST(RecordingScreenTest, WithoutAnything) {
  const RecordingScreen nothing;
  const std::vector<Line> lines = recording_lines(nothing, {80, 24});
  EXPECT_EQ(lines.size(), 24U);
  EXPECT_NE(lines[3].text().find("not known yet"), std::string::npos);
  EXPECT_NE(lines[9].text().find("nothing is recorded yet"), std::string::npos);
}

TEST(RecordingScreenTest, WhatIsTypedIsSeen) {
  RecordingScreen s = screen();
  s.entering_search = true;
  s.search = "日本";
  EXPECT_EQ(recording_lines(s, {80, 24}).back().text().substr(0, 7), "/日本");
}

TEST(WorkersScreenTest, FillsEverySizeAndShowsTheCursor) {
  WorkersScreen s;
  s.name = "run_server";
  s.clock = "12:34:56";
  s.end_ns = 10;
  for (uint32_t i = 0; i < 50; ++i) {
    WorkerRow row;
    row.pid = 4000000 + i;
    row.rss_bytes = 1023 << 20;
    if (i % 2 == 0) row.live_bytes = 5;
    if (i % 2 == 0) row.rate = -1e15;
    row.threads = 10000;
    row.descriptors = 100000;
    row.tcp = 99999;
    row.verdict = "insufficient";
    row.command = "python3 run_server.py --port 8080";
    row.rss = {{1, 1}, {10, 2}};
    s.rows.push_back(row);
  }
  for (const size_t cursor : {size_t{0}, size_t{20}, size_t{49}}) {
    s.cursor = cursor;
    for (const ScreenSize size : {ScreenSize{60, 10}, {80, 24}, {200, 60}}) {
      const std::vector<Line> lines = workers_lines(s, size);
      ASSERT_EQ(lines.size(), size.height);
      bool seen = false;
      for (const Line& line : lines) {
        EXPECT_LE(line.width(), size.width) << line.text();
        seen = seen || (!line.spans().empty() && line.spans()[0].style == TextStyle::kSelected);
      }
      EXPECT_TRUE(seen) << cursor << " " << size.height;
    }
  }
  EXPECT_EQ(help_lines({60, 10}).size(), 10U);
  EXPECT_EQ(too_small_lines({5, 1}).front().text(), "too …");
}

TEST(Sparkline, InAscii) {
  EXPECT_EQ(sparkline({{1, 8}, {2, 4}, {3, 0}, {4, 1}}, 4, 8, 4, false), "#- _");
}

}  // namespace
}  // namespace mla
