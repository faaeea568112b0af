// Which call sites are the same, and what has changed: on Snapshots made by hand. Functions, files
// and lines are those of Python frames, which need no program to be named.
#include "report/diff.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "reader/error.h"
#include "report/diff_json.h"
#include "report/line_pairs.h"
#include "support/json_schema.h"

namespace mla {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;

struct Place {
  std::string file;
  std::string function;
  uint32_t line = 0;
};

// A recording whose functions have a table of lines of their own: it is never the same code.
class Recording {
 public:
  Recording() {
    snapshot_.modules.resize(1);
    snapshot_.nodes.resize(1);
    snapshot_.python_codes.resize(1);
    snapshot_.last_ns = 10 * kSecond;
  }

  // `stack` is outermost first.
  void site(const std::vector<Place>& stack, uint64_t bytes, uint64_t count = 1,
            const std::string& code = "") {
    uint32_t node = 0;
    for (const Place& place : stack) {
      PythonCode python;
      python.file = place.file;
      python.function = place.function;
      python.first_line = place.line;
      python.lines = code.empty() ? "edited " + std::to_string(++edits) : code;
      snapshot_.python_codes.push_back(python);
      StackNode at;
      at.kind = NodeKind::kPython;
      at.code = static_cast<uint32_t>(snapshot_.python_codes.size() - 1);
      at.parent = node;
      at.entry = node == 0;
      snapshot_.nodes.push_back(at);
      node = static_cast<uint32_t>(snapshot_.nodes.size() - 1);
    }
    Site site;
    site.id = static_cast<uint32_t>(snapshot_.sites.size() + 1);
    site.python = node;
    site.alloc_bytes = site.live_bytes = bytes;
    site.alloc_count = site.live_count = count;
    snapshot_.sites.push_back(site);
    snapshot_.totals.live_bytes += bytes;
    snapshot_.totals.live_count += count;
  }

  Snapshot& snapshot() { return snapshot_; }

 private:
  Snapshot snapshot_;
  static inline int edits = 0;
};

Diff compare(Recording& a, Recording& b) {
  Symbolizer names_a(a.snapshot());
  Symbolizer names_b(b.snapshot());
  return diff_recordings({a.snapshot(), names_a}, {b.snapshot(), names_b}, SiteOrder::kLive);
}

// "match: A bytes -> B bytes" of each row.
std::vector<std::string> rows(const Diff& diff) {
  std::vector<std::string> lines;
  for (const DiffRow& row : diff.rows) {
    std::string line = match_kind_name(row.match.kind);
    line.append(": ").append(std::to_string(row.a.live_bytes));
    line.append(" -> ").append(std::to_string(row.b.live_bytes));
    lines.push_back(line);
  }
  std::sort(lines.begin(), lines.end());
  return lines;
}

using Lines = std::vector<std::string>;

TEST(SiteMatch, SameLinesInAnotherDirectory) {
  Recording a;
  Recording b;
  a.site({{"/build/1/a.py", "main", 9}, {"/build/1/a.py", "f", 3}}, 100);
  b.site({{"/build/2/a.py", "main", 9}, {"/build/2/a.py", "f", 3}}, 150);
  EXPECT_EQ(rows(compare(a, b)), (Lines{"same: 100 -> 150"}));
}

TEST(SiteMatch, LinesThatMovedTogether) {
  Recording a;
  Recording b;
  // Shifted by one, the first line of B is where the second of A was.
  a.site({{"a.py", "f", 10}}, 100);
  a.site({{"a.py", "f", 11}}, 7000);
  b.site({{"a.py", "f", 11}}, 100);
  b.site({{"a.py", "f", 12}}, 7000);
  EXPECT_EQ(rows(compare(a, b)), (Lines{"moved: 100 -> 100", "moved: 7000 -> 7000"}));
}

TEST(SiteMatch, OneMoreLineAmongThem) {
  Recording a;
  Recording b;
  a.site({{"a.py", "f", 10}}, 100);
  a.site({{"a.py", "f", 12}}, 7000);
  b.site({{"a.py", "f", 11}}, 100);
  b.site({{"a.py", "f", 13}}, 64);
  b.site({{"a.py", "f", 14}}, 7000);
  EXPECT_EQ(rows(compare(a, b)),
            (Lines{"nearest: 100 -> 100", "nearest: 7000 -> 7000", "only_b: 0 -> 64"}));
}

TEST(SiteMatch, WhatCannotBeToldStaysTogether) {
  Recording a;
  Recording b;
  a.site({{"a.py", "f", 10}}, 100);
  b.site({{"a.py", "f", 8}}, 100);
  b.site({{"a.py", "f", 12}}, 100);
  EXPECT_EQ(rows(compare(a, b)), (Lines{"functions: 100 -> 200"}));
}

TEST(SiteMatch, LinesOfTheSameCodeDoNotMove) {
  Recording a;
  Recording b;
  a.site({{"a.py", "f", 10}}, 100, 1, "same code");
  b.site({{"a.py", "f", 10}}, 100, 1, "same code");
  // A function that is not the only one of its name, and is elsewhere, is another one.
  a.site({{"a.py", "g", 20}}, 300, 1, "one");
  b.site({{"a.py", "g", 20}}, 300, 1, "one");
  b.site({{"a.py", "g", 30}}, 400, 1, "two");
  EXPECT_EQ(rows(compare(a, b)),
            (Lines{"only_b: 0 -> 400", "same: 100 -> 100", "same: 300 -> 300"}));
}

TEST(SiteMatch, AFunctionThatMovedAsAWhole) {
  Recording a;
  Recording b;
  a.site({{"a.py", "f", 10}}, 100, 1, "same code");
  b.site({{"a.py", "f", 90}}, 150, 1, "same code");
  EXPECT_EQ(rows(compare(a, b)), (Lines{"moved: 100 -> 150"}));
}

TEST(SiteMatch, NamesAlone) {
  Recording a;
  Recording b;
  a.site({{"a.py", "Store.put", 10}}, 100);  // 3.11 and later
  b.site({{"store.py", "put", 90}}, 150);
  a.site({{"a.py", "gone", 10}}, 11);
  b.site({{"a.py", "new", 10}}, 22);
  EXPECT_EQ(rows(compare(a, b)),
            (Lines{"names: 100 -> 150", "only_a: 11 -> 0", "only_b: 0 -> 22"}));
}

TEST(SiteMatch, HeapAndMappingsAreApart) {
  Recording a;
  Recording b;
  a.site({{"a.py", "f", 10}}, 100);
  b.site({{"a.py", "f", 10}}, 100);
  b.snapshot().sites[0].mapping = true;
  EXPECT_EQ(rows(compare(a, b)), (Lines{"only_a: 100 -> 0", "only_b: 0 -> 100"}));
}

TEST(SiteMatch, BareFunctions) {
  EXPECT_EQ(bare_function("ns::f(int, std::map<int, int>)"), "ns::f");
  EXPECT_EQ(bare_function("void ns::f<std::vector<int> >(int)"), "ns::f");
  EXPECT_EQ(bare_function("f(int) [clone .constprop.0]"), "f");
  EXPECT_EQ(bare_function("(anonymous namespace)::Pool<int>::grow()"), "{anonymous}::Pool::grow");
  EXPECT_EQ(bare_function("ns::operator<<(int)"), "ns::operator<<(int)");
  EXPECT_EQ(bare_function("main"), "main");
}

TEST(SiteMatch, ALeakAmongAsManyLines) {
  Recording a;
  Recording b;
  // One line was taken out, and one that leaks put in: the lines that are left are others.
  a.site({{"a.py", "f", 5}}, 1'000, 10);
  a.site({{"a.py", "f", 6}}, 2'000, 10);
  b.site({{"a.py", "f", 5}}, 2'000, 10);
  b.site({{"a.py", "f", 6}}, 5'000'000, 500);
  EXPECT_EQ(rows(compare(a, b)),
            (Lines{"nearest: 2000 -> 2000", "only_a: 1000 -> 0", "only_b: 0 -> 5000000"}));
}

TEST(SiteMatch, OtherSizesOfAsManyLines) {
  Recording a;
  Recording b;
  a.site({{"a.py", "f", 5}}, 1'000, 10);
  a.site({{"a.py", "f", 6}}, 2'000, 10);
  // Nothing else fits the one that is larger; that it is the same line proves nothing.
  b.site({{"a.py", "f", 5}}, 1'000, 10);
  b.site({{"a.py", "f", 6}}, 5'000'000, 500);
  EXPECT_EQ(rows(compare(a, b)), (Lines{"nearest: 2000 -> 5000000", "same: 1000 -> 1000"}));
  // Many lines between them, and somewhat larger blocks, take no pair apart.
  Recording far;
  far.site({{"a.py", "f", 5}}, 1'500, 10);
  far.site({{"a.py", "f", 300}}, 4'000, 10);
  EXPECT_EQ(rows(compare(a, far)), (Lines{"nearest: 2000 -> 4000", "same: 1000 -> 1500"}));
}

TEST(LinePairs, TooManyToLookAt) {
  std::vector<LinedSite> few(3000);
  std::vector<LinedSite> many(6000);
  for (uint32_t i = 0; i < few.size(); ++i) few[i].lines = {i};
  for (uint32_t i = 0; i < many.size(); ++i) many[i].lines = {i};
  EXPECT_FALSE(pair_lines(few, many).has_value());
  EXPECT_EQ(pair_lines(few, few)->size(), few.size());
  EXPECT_TRUE(pair_lines({}, many)->empty());
}

TEST(Diff, LargestChangeFirstAndTotalsAddUp) {
  Recording a;
  Recording b;
  a.site({{"a.py", "shrinks", 1}}, 900);
  b.site({{"a.py", "shrinks", 1}}, 100);
  a.site({{"a.py", "grows", 2}}, 50);
  b.site({{"a.py", "grows", 2}}, 350);
  b.site({{"a.py", "new", 3}}, 500);
  const Diff diff = compare(a, b);
  int64_t sum = 0;
  std::vector<int64_t> changes;
  for (const DiffRow& row : diff.rows) {
    changes.push_back(change_of(row, SiteOrder::kLive).bytes);
    sum += changes.back();
  }
  EXPECT_EQ(changes, (std::vector<int64_t>{-800, 500, 300}));
  EXPECT_EQ(sum, change_of_live(diff).bytes);
}

TEST(Diff, SamplingError) {
  Recording a;
  Recording b;
  a.site({{"a.py", "f", 1}}, 1000, 10);
  b.site({{"a.py", "f", 1}}, 1500, 15);
  a.snapshot().sites[0].live_se = 300;
  b.snapshot().sites[0].live_se = 400;
  const Change change = change_of(compare(a, b).rows[0], SiteOrder::kLive);
  EXPECT_DOUBLE_EQ(change.se, 500);
  EXPECT_TRUE(change.within_error());
}

TEST(Diff, NothingSampledIsNotNothing) {
  Recording a;
  Recording b;
  a.site({{"a.py", "f", 1}}, 10'000, 100);
  b.snapshot().sampling = {SamplingMode::kSampled, 1000, 0, true};
  const Change change = change_of(compare(a, b).rows[0], SiteOrder::kLive);
  // 100 blocks of 100 bytes, one in 1000 bytes recorded: close to sqrt(10,000 * 1000).
  EXPECT_NEAR(change.se, 3084, 5);
  EXPECT_FALSE(change.within_error());
  a.snapshot().sites[0].live_bytes = 1'000;
  a.snapshot().sites[0].live_count = 10;
  EXPECT_TRUE(change_of(compare(a, b).rows[0], SiteOrder::kLive).within_error());
}

Recording with_history() {
  Recording recording;
  recording.site({{"a.py", "grows", 1}}, 900, 9);
  recording.site({{"a.py", "late", 2}}, 40, 1);
  Snapshot& snapshot = recording.snapshot();
  snapshot.sites[1].first_seen_ns = 6 * kSecond;
  snapshot.timeline = {{2 * kSecond, 0, 0, 200, 2}, {6 * kSecond, 4096, 0, 640, 7}};
  snapshot.history = {{0, {{2 * kSecond, 200, 2}, {6 * kSecond, 600, 6}}},
                      {1, {{6 * kSecond, 40, 1}}}};
  return recording;
}

TEST(Moments, NearestThatWereNoted) {
  Recording recording = with_history();
  const Diff diff = diff_moments(recording.snapshot(), 3 * kSecond, 7 * kSecond, SiteOrder::kLive);
  EXPECT_EQ(diff.a.t_ns, 2 * kSecond);
  EXPECT_EQ(diff.b.t_ns, 6 * kSecond);
  EXPECT_EQ(rows(diff), (Lines{"same: 0 -> 40", "same: 200 -> 600"}));
  EXPECT_EQ(diff.b.live_bytes, 640U);
  EXPECT_EQ(diff.unnoted.sites, 0U);
  EXPECT_EQ(diff.unnoted.bytes, 0);
}

TEST(Moments, StartAndEnd) {
  Recording recording = with_history();
  const Diff diff = diff_moments(recording.snapshot(), 0, 10 * kSecond, SiteOrder::kLive);
  EXPECT_EQ(rows(diff), (Lines{"same: 0 -> 40", "same: 0 -> 900"}));
  EXPECT_EQ(change_of_live(diff).bytes, 940);
  EXPECT_THROW(diff_moments(recording.snapshot(), 0, kSecond / 2, SiteOrder::kLive), Error);
}

TEST(Moments, WhatWasNotNotedIsSaid) {
  Recording recording = with_history();
  Snapshot& snapshot = recording.snapshot();
  snapshot.history.clear();
  snapshot.sites.clear();
  for (uint32_t i = 0; i < format::kHistoryRows; ++i) {
    recording.site({{"a.py", "f" + std::to_string(i), i + 1}}, 1000, 1);
    snapshot.history.push_back({i, {{2 * kSecond, 100, 1}, {6 * kSecond, 1000, 1}}});
  }
  recording.site({{"a.py", "small", 1}}, 50, 1);
  snapshot.timeline = {{2 * kSecond, 0, 0, 255 * 100 + 20, 256},
                       {6 * kSecond, 0, 0, 255 * 1000 + 50, 256}};
  const Diff diff = diff_moments(snapshot, 2 * kSecond, 6 * kSecond, SiteOrder::kLive);
  EXPECT_EQ(diff.unnoted.sites, 1U);
  EXPECT_EQ(diff.unnoted.bytes, 30);
  EXPECT_EQ(diff.unnoted.most, (std::array<uint64_t, 2>{100, 1000}));
  EXPECT_EQ(diff.rows.size(), 255U);
}

TEST(Moments, ArenasOfPythonAreOneRow) {
  Recording recording;
  Snapshot& snapshot = recording.snapshot();
  snapshot.process.python_version = "3.11.2";
  snapshot.modules[0].path = "/usr/bin/python3.11";
  for (uint32_t i = 0; i < 2; ++i) {
    recording.site({{"a.py", "f" + std::to_string(i), i + 1}}, 2 << 20, 2);
    snapshot.sites[i].mapping = true;
    snapshot.history.push_back(
        {i, {{2 * kSecond, (1 + i) << 20, 1 + i}, {6 * kSecond, 2 << 20, 2}}});
  }
  recording.site({{"a.py", "g", 9}}, 500, 1);
  snapshot.history.push_back({2, {{2 * kSecond, 300, 1}, {6 * kSecond, 500, 1}}});
  const Diff diff = diff_moments(snapshot, 2 * kSecond, 6 * kSecond, SiteOrder::kLive);
  EXPECT_EQ(rows(diff), (Lines{"same: 300 -> 500", "same: 3145728 -> 4194304"}));
  EXPECT_EQ(diff.rows[0].match.b, (std::vector<uint32_t>{0, 1}));
}

TEST(DiffJson, FollowsItsSchema) {
  std::ifstream file(MLA_DIFF_SCHEMA);
  test::SchemaChecker checker(nlohmann::json::parse(file));
  Recording a;
  Recording b;
  a.site({{"a.py", "f\xff", 10}}, 100);
  b.site({{"a.py", "g", 10}}, 150);
  Symbolizer names_a(a.snapshot());
  Symbolizer names_b(b.snapshot());
  std::ostringstream out;
  write_diff_json(out, compare(a, b), names_a, names_b);
  EXPECT_EQ(checker.check(nlohmann::json::parse(out.str())), std::vector<std::string>{});

  Recording recording = with_history();
  Symbolizer names(recording.snapshot());
  std::ostringstream moments;
  write_diff_json(moments, diff_moments(recording.snapshot(), 0, 10 * kSecond, SiteOrder::kLive),
                  names, names);
  EXPECT_EQ(checker.check(nlohmann::json::parse(moments.str())), std::vector<std::string>{});
}

}  // namespace
}  // namespace mla
