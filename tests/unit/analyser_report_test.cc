// Reports of a Snapshot made by hand: JSON against its schema, folded stacks, text.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "report/folded.h"
#include "report/json.h"
#include "report/names_short.h"
#include "report/sparkline.h"
#include "report/text.h"
#include "report/units.h"
#include "report/utf8.h"
#include "support/json_schema.h"

namespace mla {
namespace {

using nlohmann::json;

constexpr uint64_t kSecond = 1'000'000'000;

Snapshot sample() {
  Snapshot snapshot;
  snapshot.path = "/dev/shm/a.mla";
  snapshot.process.pid = 42;
  snapshot.process.exe = "/usr/bin/python3";
  snapshot.process.argv = {"python3", "run_server.py", "bad \xff byte\n"};
  snapshot.process.allocator = "jemalloc";
  snapshot.process.allocator_version = "5.3.0";
  snapshot.process.python_version = "3.11.2";
  snapshot.status = ProcessStatus::kKilled;
  snapshot.last_ns = 4000 * kSecond;
  snapshot.modules.resize(2);
  snapshot.modules[1] = {"/absent/libx.so", "abcd", 0x400000, 0x500000, 0x400000, 1, 0, ""};
  snapshot.nodes = {{}, {0x401001, 0, 1, false}, {0x402001, 1, 1, false}, {0x403001, 1, 1, false}};
  Site leak;
  leak.id = 2;
  leak.native = 2;
  leak.alloc_count = leak.live_count = 12'345;
  leak.alloc_bytes = leak.live_bytes = 850'000'000;
  leak.peak_bytes = 840'000'000;
  Site temporary;
  temporary.id = 3;
  temporary.native = 3;
  temporary.alloc_count = 1'000'000;
  temporary.freed_count = 999'999;
  temporary.alloc_bytes = 64'000'000;
  temporary.freed_bytes = 63'999'936;
  temporary.live_bytes = 64;
  temporary.live_count = 1;
  Site mapping;
  mapping.id = 4;
  mapping.native = 1;
  mapping.mapping = true;
  mapping.alloc_bytes = mapping.live_bytes = 1'048'576;
  mapping.alloc_count = mapping.live_count = 1;
  snapshot.sites = {leak, mapping, temporary};
  snapshot.totals.live_bytes = 850'000'064;
  snapshot.totals.live_count = 12'346;
  snapshot.totals.alloc_bytes = 914'000'000;
  snapshot.totals.alloc_count = 1'012'345;
  snapshot.totals.freed_bytes = 63'999'936;
  snapshot.totals.mapped_bytes = 1'048'576;
  for (uint64_t t = 1; t <= 4; ++t) {
    snapshot.timeline.push_back(
        {t * 1000 * kSecond, t << 28, t << 27, t * 212'500'016, 0, 0, 0, 0});
    if (snapshot.history.empty()) snapshot.history.push_back({0, {}});
    snapshot.history[0].points.push_back({t * 1000 * kSecond, t * 212'500'000, t * 3000});
  }
  snapshot.threads.push_back({42, "python3", true, 1, 2, 3, 4, 5, 6});
  return snapshot;
}

json json_of(const Snapshot& snapshot) {
  Symbolizer symbolizer(snapshot);
  std::ostringstream out;
  write_json(out, snapshot, symbolizer);
  return json::parse(out.str());  // throws on invalid UTF-8 too
}

std::string text_of(const Snapshot& snapshot, const TextOptions& options = {}) {
  Symbolizer symbolizer(snapshot);
  std::ostringstream out;
  write_text(out, snapshot, symbolizer, options);
  return out.str();
}

std::string folded_of(const Snapshot& snapshot, StackValue value) {
  Symbolizer symbolizer(snapshot);
  std::ostringstream out;
  write_folded(out, snapshot, symbolizer, value);
  return out.str();
}

test::SchemaChecker checker() {
  std::ifstream file(MLA_REPORT_SCHEMA);
  return test::SchemaChecker(json::parse(file));
}

TEST(ReportJson, IsValidByItsSchema) {
  Snapshot snapshot = sample();
  EXPECT_EQ(checker().check(json_of(snapshot)), std::vector<std::string>{});
  snapshot.stop_reason = format::StopReason::kNoSpace;
  snapshot.stop_errno = 28;
  snapshot.status = ProcessStatus::kExited;
  snapshot.status_detail = "exit code 1";
  snapshot.losses[3] = 7;
  snapshot.losses[20] = 7;
  snapshot.damage = {"x"};
  snapshot.unwind_check = {1000, 1, 3, 0x1234, 0};
  snapshot.nodes[1].pc = 2;
  snapshot.nodes[1].module = 0;
  EXPECT_EQ(checker().check(json_of(snapshot)), std::vector<std::string>{});
  EXPECT_EQ(checker().check(json_of(Snapshot())), std::vector<std::string>{});
}

TEST(ReportJson, SchemaRefusesOtherShapes) {
  json report = json_of(sample());
  report["sites"][0]["stack"][0]["kind"] = "assembler";
  report["totals"].erase("own_bytes");
  report["surprise"] = 1;
  report["process"]["pid"] = "42";
  EXPECT_EQ(checker().check(report).size(), 4U);
}

TEST(ReportJson, SaysWhatTheSnapshotSays) {
  const json report = json_of(sample());
  EXPECT_EQ(report["schema"]["name"], "mla-report");
  EXPECT_EQ(report["schema"]["version"], 1);
  EXPECT_EQ(report["process"]["pid"], 42);
  EXPECT_EQ(report["process"]["argv"][2], "bad \xef\xbf\xbd byte\n");
  EXPECT_EQ(report["process"]["allocator"]["name"], "jemalloc");
  EXPECT_EQ(report["process"]["allocator"]["version"], "5.3.0");
  EXPECT_EQ(report["process"]["python"]["version"], "3.11.2");
  EXPECT_EQ(report["status"], "killed");
  EXPECT_TRUE(report["stopped"].is_null());
  EXPECT_EQ(report["totals"]["live_bytes"], 850'000'064);
  EXPECT_EQ(report["timeline"].size(), 4U);
  EXPECT_EQ(report["timeline"][0]["t_s"], 1000.0);
  ASSERT_EQ(report["sites"].size(), 3U);
  const json& leak = report["sites"][0];
  EXPECT_EQ(leak["live_bytes"], 850'000'000);
  EXPECT_EQ(leak["kind"], "heap");
  EXPECT_EQ(leak["history"].size(), 4U);
  ASSERT_EQ(leak["stack"].size(), 2U);
  EXPECT_TRUE(leak["stack"][0]["function"].is_null());
  EXPECT_EQ(leak["stack"][0]["module"], "/absent/libx.so");
  EXPECT_EQ(leak["stack"][0]["address"], 0x2000);
  EXPECT_EQ(leak["stack"][1]["address"], 0x1000);
  EXPECT_EQ(report["sites"][1]["kind"], "mapping");
  EXPECT_EQ(report["modules"].size(), 1U);
  EXPECT_EQ(report["warnings"].size(), 1U);
}

TEST(ReportJson, UnwindCheckOnlyIfThereWasOne) {
  Snapshot snapshot = sample();
  EXPECT_TRUE(json_of(snapshot)["unwind_check"].is_null());
  snapshot.unwind_check.checked = 1000;
  EXPECT_EQ(json_of(snapshot)["unwind_check"],
            json({{"checked", 1000}, {"differed", 0}, {"first", nullptr}}));
  snapshot.unwind_check = {1000, 2, 3, 0x1234, 0x1230};
  EXPECT_EQ(json_of(snapshot)["unwind_check"]["differed"], 2);
  EXPECT_EQ(json_of(snapshot)["unwind_check"]["first"],
            json({{"frame", 3}, {"address", 0x1234}, {"reference_address", 0x1230}}));
}

TEST(ReportFolded, RootFirstHeapOnlyAddsUp) {
  const Snapshot snapshot = sample();
  EXPECT_EQ(folded_of(snapshot, StackValue::kLive),
            "libx.so+0x1000;libx.so+0x2000 850000000\n"
            "libx.so+0x1000;libx.so+0x3000 64\n");
  EXPECT_EQ(folded_of(snapshot, StackValue::kAllocated),
            "libx.so+0x1000;libx.so+0x2000 850000000\n"
            "libx.so+0x1000;libx.so+0x3000 64000000\n");
  EXPECT_EQ(folded_of(snapshot, StackValue::kPeak), "libx.so+0x1000;libx.so+0x2000 840000000\n");
}

TEST(ReportFolded, EqualLinesAreAddedAndSeparatorsReplaced) {
  Snapshot snapshot = sample();
  snapshot.modules[1].path = "/absent/a;b\n.so";
  snapshot.sites[2].native = 2;
  EXPECT_EQ(folded_of(snapshot, StackValue::kLive), "a:b?.so+0x1000;a:b?.so+0x2000 850000064\n");
}

// ' ' sorts before the ';' between frames, '<' behind it.
TEST(ReportFolded, LinesAreSortedByTheirBytes) {
  Snapshot snapshot;
  snapshot.modules.resize(1);
  snapshot.python_codes.resize(1);
  snapshot.nodes.resize(1);
  const auto add = [&snapshot](const char* function, uint32_t parent) {
    PythonCode& code = snapshot.python_codes.emplace_back();
    code.function = function;
    StackNode& node = snapshot.nodes.emplace_back();
    node.parent = parent;
    node.kind = NodeKind::kPython;
    node.code = static_cast<uint32_t>(snapshot.python_codes.size() - 1);
    Site& site = snapshot.sites.emplace_back();
    site.python = static_cast<uint32_t>(snapshot.nodes.size() - 1);
    site.live_bytes = site.python;
    return site.python;
  };
  add("ab<int>", add("ab<int>", 0));
  add("z", add("ab", 0));
  add("ab (x)", 0);
  add("b", 2);
  EXPECT_EQ(folded_of(snapshot, StackValue::kLive),
            "ab 3\n"
            "ab (x) 5\n"
            "ab;z 4\n"
            "ab<int> 1\n"
            "ab<int>;ab<int> 2\n"
            "ab<int>;ab<int>;b 6\n");
}

TEST(ReportText, FirstTheProcessThenTheMemoryThenTheSites) {
  const std::string text = text_of(sample());
  EXPECT_EQ(text.rfind("python3 run_server.py bad \xef\xbf\xbd byte?\n"
                       "pid 42, killed, last seen after 1 h 6 min, jemalloc 5.3.0, Python 3.11.2\n",
                       0),
            0U)
      << text;
  EXPECT_NE(text.find("live        810.6 MiB   in 12,346 blocks, not freed yet\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("#1  810.6 MiB  100.0 %  850,000,000 bytes in 12,345 blocks"
                      "  growing 12.2 MiB/min\n    ▸ libx.so+0x2000\n      libx.so+0x1000\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("#2  1.0 MiB  100.0 % of the mappings"), std::string::npos) << text;
  EXPECT_EQ(text.find('\033'), std::string::npos);
  // Nothing happened to the recording: no word about it.
  for (const char* word : {"stopped", "damaged", "none of the figures", "inherited", "notes"}) {
    EXPECT_EQ(text.find(word), std::string::npos) << word;
  }
}

TEST(ReportText, SaysWhatWentWrong) {
  Snapshot snapshot = sample();
  snapshot.stop_reason = format::StopReason::kNoSpace;
  snapshot.stop_errno = 28;
  snapshot.stop_ns = 12 * kSecond;
  snapshot.losses[2] = 1234;
  snapshot.totals.lost_events = 1234;
  snapshot.losses[7] = 5;
  snapshot.damage = {"nodes: strange"};
  snapshot.process.notes = {"libjemalloc.so.2 not found"};
  const std::string text = text_of(snapshot);
  EXPECT_NE(
      text.find("recording stopped after 12.0 s\n    the file system of the recording is full "
                "(No space left on device); the program went on"),
      std::string::npos)
      << text;
  for (const char* line :
       {"1,234 events in none of the figures\n    1,234 blocks that found no room",
        "counted, with less detail\n    5 stacks deeper than 1,024 frames", "    nodes: strange\n",
        "    libjemalloc.so.2 not found\n"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << "\n" << text;
  }
}

TEST(ReportText, OrdersAndLimits) {
  TextOptions options;
  options.order = SiteOrder::kTemporary;
  const std::string temporary = text_of(sample(), options);
  EXPECT_NE(temporary.find("by bytes freed again: all 1\n"), std::string::npos) << temporary;
  EXPECT_NE(temporary.find("#1  61.0 MiB  100.0 %  63,999,936 bytes in 999,999 blocks"),
            std::string::npos)
      << temporary;
  options.order = SiteOrder::kLive;
  options.top_sites = 1;
  const std::string one = text_of(sample(), options);
  EXPECT_NE(one.find("by live bytes: 1 of 3\n"), std::string::npos) << one;
  EXPECT_EQ(one.find("#2"), std::string::npos);
}

TEST(ReportText, LongStacksAreFoldedUnlessAskedFor) {
  Snapshot snapshot = sample();
  snapshot.nodes.resize(2);
  for (uint32_t i = 1; i < 40; ++i) snapshot.nodes.push_back({0x401001 + i * 16, i, 1, false});
  snapshot.sites.resize(1);
  snapshot.sites[0].native = 40;
  EXPECT_NE(text_of(snapshot).find("      ... 28 more frames\n"), std::string::npos);
  TextOptions options;
  options.full_stacks = true;
  const std::string all = text_of(snapshot, options);
  EXPECT_EQ(all.find("more frames"), std::string::npos);
  EXPECT_NE(all.find("libx.so+0x1000\n"), std::string::npos);
}

TEST(ReportText, FitsTheWidth) {
  Snapshot snapshot = sample();
  snapshot.modules[1].path = "/absent/lib" + std::string(300, 'x') + ".so";
  TextOptions options;
  options.width = 60;
  std::istringstream lines(text_of(snapshot, options));
  bool in_sites = false;
  for (std::string line; std::getline(lines, line);) {
    in_sites = in_sites || line.rfind("Call sites", 0) == 0;
    if (line.rfind("      ", 0) == 0 || line.find("▸") != std::string::npos) {
      EXPECT_LE(columns(line), 60U) << line;
    }
    if (line.find("names are missing") != std::string::npos) break;
  }
  EXPECT_TRUE(in_sites);
}

TEST(ReportText, ColourOnlyIfAsked) {
  TextOptions options;
  options.colour = true;
  EXPECT_NE(text_of(sample(), options).find("\033[1m"), std::string::npos);
}

TEST(Units, Numbers) {
  EXPECT_EQ(with_commas(0), "0");
  EXPECT_EQ(with_commas(999), "999");
  EXPECT_EQ(with_commas(1000), "1,000");
  EXPECT_EQ(with_commas(UINT64_MAX), "18,446,744,073,709,551,615");
  EXPECT_EQ(human_bytes(0), "0 B");
  EXPECT_EQ(human_bytes(1023), "1023 B");
  EXPECT_EQ(human_bytes(1024), "1.0 KiB");
  EXPECT_EQ(human_bytes((1 << 20) - 1), "1.0 MiB");
  EXPECT_EQ(human_bytes(UINT64_MAX), "16.0 EiB");
  EXPECT_EQ(human_seconds(0.42), "0.42 s");
  EXPECT_EQ(human_seconds(59.99), "1 min 0 s");
  EXPECT_EQ(human_seconds(7980), "2 h 13 min");
  EXPECT_EQ(human_seconds(273600), "3 d 4 h");
  EXPECT_EQ(percent(1, 3), "33.3 %");
  EXPECT_EQ(percent(1, 0), "-");
  EXPECT_EQ(counted(1, "block"), "1 block");
  EXPECT_EQ(counted(2000, "block"), "2,000 blocks");
}

TEST(Utf8, InvalidBytesAndControls) {
  const std::string replaced = "\xef\xbf\xbd";
  EXPECT_EQ(valid_utf8("plain \xc3\xa9 \xe2\x80\xa6 \xf0\x9f\x98\x80"),
            "plain \xc3\xa9 \xe2\x80\xa6 \xf0\x9f\x98\x80");
  EXPECT_EQ(valid_utf8("\xff"), replaced);
  EXPECT_EQ(valid_utf8("\xc0\x80"), replaced + replaced);                 // overlong
  EXPECT_EQ(valid_utf8("\xed\xa0\x80"), replaced + replaced + replaced);  // surrogate
  EXPECT_EQ(valid_utf8("a\xe2\x80"), "a" + replaced + replaced);          // cut short
  EXPECT_EQ(printable("a\033[31m\n\x7f\xc2\x9b"), "a?[31m???");
  EXPECT_EQ(printable("\u202aa\u202e\u2066\u2069b\u200e\u200f\u061c"), "?a???b???");
  EXPECT_EQ(printable("\u0627\u2029\u200d\u202f\u2065\U0001f600"),
            "\u0627\u2029\u200d\u202f\u2065\U0001f600");
  EXPECT_EQ(cut_right("h\xc3\xa9llo", 3), "h\xc3\xa9\xe2\x80\xa6");
  EXPECT_EQ(cut_left("hell\xc3\xb6", 3), "\xe2\x80\xa6l\xc3\xb6");
  EXPECT_EQ(cut_right("same", 4), "same");
}

TEST(ShortNames, ParametersThenTemplateArgumentsThenCut) {
  const std::string name = "std::map<int, Order>::insert(std::pair<int const, Order>&&)";
  EXPECT_EQ(short_function(name, 80), name);
  EXPECT_EQ(short_function(name, 40), "std::map<int, Order>::insert(…)");
  EXPECT_EQ(short_function(name, 25), "std::map<…>::insert(…)");
  EXPECT_EQ(short_function(name, 10), "std::map<…");
  EXPECT_EQ(short_function("(anonymous namespace)::Pool::grow(unsigned long)", 40),
            "(anonymous namespace)::Pool::grow(…)");
  EXPECT_EQ(short_function("run()::{lambda(int)#1}::operator()(int) const", 44),
            "run()::{lambda(…)#1}::operator()(…) const");
  EXPECT_EQ(short_function("operator<<(std::ostream&, Order const&)", 20), "operator<<(std::ost…");
}

TEST(Sparkline, HeightsAreTrueToZero) {
  EXPECT_EQ(sparkline({{1, 8}, {2, 4}, {3, 0}, {4, 1}}, 4, 8, 4), "█▄ ▁");
  // A gap holds the last value; of several points in one cell the largest counts.
  EXPECT_EQ(sparkline({{1, 2}, {2, 8}, {8, 4}}, 8, 8, 4), "███▄");
  EXPECT_EQ(sparkline({}, 8, 8, 3), "   ");
}

TEST(Plumbing, AllocatorFramesAreRecognised) {
  const auto frame = [](const char* function, const char* module = "/usr/bin/x") {
    Frame result;
    result.function = function;
    result.module = module;
    return result;
  };
  EXPECT_TRUE(is_allocation_plumbing(frame("operator new(unsigned long)")));
  EXPECT_TRUE(is_allocation_plumbing(frame("malloc")));
  EXPECT_TRUE(is_allocation_plumbing(frame("anything", "/opt/lib/libmla.so")));
  EXPECT_FALSE(is_allocation_plumbing(frame("malloc_stats_page_of_mine")));
  EXPECT_FALSE(is_allocation_plumbing(frame("main")));
}

}  // namespace
}  // namespace mla
