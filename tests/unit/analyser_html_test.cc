// The data of an HTML report, and their way into the page.
#include <gtest/gtest.h>
#include <zlib.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "reader/error.h"
#include "report/html_model.h"
#include "report/html_page.h"
#include "report/html_stacks.h"

namespace mla {
namespace {

using nlohmann::ordered_json;

std::string decoded(const std::string& base64) {
  static const std::string kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bytes;
  uint32_t bits = 0;
  int count = 0;
  for (const char c : base64) {
    if (c == '=') break;
    bits = bits << 6U | static_cast<uint32_t>(kDigits.find(c));
    count += 6;
    if (count >= 8) {
      count -= 8;
      bytes += static_cast<char>(bits >> count & 0xffU);
    }
  }
  return bytes;
}

std::string unpacked(const std::string& packed, size_t size) {
  const std::string bytes = decoded(packed);
  std::string text(size, '\0');
  uLongf length = size;
  EXPECT_EQ(uncompress(reinterpret_cast<Bytef*>(text.data()), &length,
                       reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()),
            Z_OK);
  text.resize(length);
  return text;
}

TEST(HtmlPage, PacksWhatZlibUnpacks) {
  std::string text;
  for (int i = 0; i < 300'000; ++i) text += std::to_string(i * 2654435761U % 1000003);
  for (const size_t size :
       {size_t{0}, size_t{1}, size_t{2}, size_t{3}, size_t{70'000}, text.size()}) {
    const std::string part = text.substr(0, size);
    EXPECT_EQ(unpacked(packed(part), size + 1), part) << size;
  }
}

TEST(HtmlPage, HoldsNoTextOfTheData) {
  std::ostringstream out;
  const ordered_json data{{"argv", "</script><script>alert(1)</script>\xff"}};
  write_page(out, "<p>before</p>@MLA_DATA@<p>after</p>", data);
  const std::string page = out.str();
  EXPECT_TRUE(page.starts_with("<p>before</p>"));
  EXPECT_TRUE(page.ends_with("<p>after</p>"));
  const std::string inside = page.substr(13, page.size() - 13 - 12);
  EXPECT_EQ(inside.find_first_of("<>&\"'"), std::string::npos);
  EXPECT_EQ(ordered_json::parse(unpacked(inside, 1000))["argv"],
            "</script><script>alert(1)</script>\xef\xbf\xbd");
}

TEST(HtmlPage, NeedsAPlaceForData) {
  std::ostringstream out;
  EXPECT_THROW(write_page(out, "<p></p>", ordered_json::object()), Error);
  EXPECT_EQ(out.str(), "");
}

TEST(HtmlStacks, StandOnceAndShareTheirOuterFrames) {
  Snapshot snapshot;
  snapshot.modules.resize(1);
  snapshot.python_codes = {{}, {"work.py", "work", 7, format::PythonLines::kNone, ""}};
  snapshot.nodes = {{}, {0x401001, 0, 0, false}, {0x402001, 1, 0, false}};
  for (const uint64_t offset : {2U, 4U}) {  // the same line by two instructions
    snapshot.nodes.push_back({offset, 0, 0, false, NodeKind::kPython, true, 1});
  }
  const auto site = [](uint32_t native, uint32_t python) {
    Site result;
    result.native = native;
    result.python = python;
    return result;
  };
  Symbolizer symbolizer(snapshot);
  HtmlStacks stacks(snapshot, symbolizer);
  const uint32_t first = stacks.whole(site(2, 3));
  EXPECT_EQ(stacks.whole(site(2, 4)), first);
  EXPECT_EQ(stacks.brief(site(2, 4)), first);
  EXPECT_EQ(stacks.whole(site(0, 3)), 1U);
  EXPECT_EQ(stacks.whole(site(0, 0)), 0U);
  const uint32_t other = stacks.whole(site(2, 0));
  EXPECT_NE(other, first);
  ordered_json document;
  stacks.write(document);
  EXPECT_EQ(document["stacks"]["parent"], (std::vector<uint32_t>{0, 0, 1, 2, 0, 4}));
  EXPECT_EQ(document["stacks"]["frame"], (std::vector<uint32_t>{0, 1, 2, 3, 2, 3}));
  EXPECT_EQ(document["strings"][0], "");
  const ordered_json& frames = document["frames"];
  EXPECT_EQ(frames["kind"], (std::vector<int>{0, 2, 0, 0}));
  EXPECT_EQ(document["strings"][frames["function"][1].get<size_t>()], "work");
  EXPECT_EQ(document["strings"][frames["file"][1].get<size_t>()], "work.py");
  EXPECT_EQ(frames["line"][1], 7);
  EXPECT_EQ(document["strings"][frames["function"][3].get<size_t>()], "0x402001");
}

Snapshot sample() {
  constexpr uint64_t kSecond = 1'000'000'000;
  Snapshot snapshot;
  snapshot.process.exe = "/usr/bin/server";
  snapshot.modules.resize(1);
  snapshot.nodes = {{}, {0x401001, 0, 0, false}, {0x402001, 1, 0, false}};
  for (uint32_t i = 0; i < 3; ++i) {
    Site site;
    site.id = 10 + i;
    site.native = i;
    site.live_bytes = 300 - i;
    site.first_seen_ns = i * kSecond;
    snapshot.sites.push_back(site);
  }
  snapshot.timeline.resize(2);
  snapshot.timeline[1].t_ns = 4 * kSecond;
  snapshot.timeline[1].rss_bytes = 4096;
  snapshot.history = {{2, {{kSecond, 5, 1}}}, {0, {{kSecond, 7, 1}, {2 * kSecond, 8, 1}}}};
  LedgerPoint walk;
  walk.t_ns = kSecond;
  walk.heap_map = true;
  walk.rss_begin = walk.rss_end = 10'000;
  walk.heap = 6000;
  walk.live = walk.touched = 3000;
  walk.rounding = 500;
  walk.pinned = 700;
  walk.free_pages = 1800;
  walk.files = 3000;
  walk.own = 900;
  snapshot.ledger = {walk};
  snapshot.last_ns = 4 * kSecond;
  snapshot.losses[0] = 3;
  return snapshot;
}

ordered_json model_of(const Snapshot& snapshot) {
  Symbolizer symbolizer(snapshot);
  HtmlFindings findings;
  findings.command = "server --fast";
  findings.verdict = process_verdict(snapshot);
  return html_model(snapshot, symbolizer, findings);
}

TEST(HtmlModel, ColumnsAreAsLongAsTheirLists) {
  const ordered_json model = model_of(sample());
  EXPECT_EQ(model["page"]["kind"], "report");
  EXPECT_EQ(model["command"], "server --fast");
  for (const auto& [name, column] : model["sites"].items()) EXPECT_EQ(column.size(), 3U) << name;
  for (const auto& [name, column] : model["timeline"].items()) EXPECT_EQ(column.size(), 2U) << name;
  EXPECT_EQ(model["sites"]["id"], (std::vector<int>{10, 11, 12}));
  EXPECT_EQ(model["sites"]["first_seen_s"], (std::vector<double>{0, 1, 2}));
  EXPECT_EQ(model["sites"]["stack"][0], 0);
  EXPECT_TRUE(model["timeline"]["rss_bytes"][0].is_null()) << "not known";
  EXPECT_EQ(model["timeline"]["rss_bytes"][1], 4096);
  EXPECT_EQ(model["losses_in_words"].size(), 1U);
  EXPECT_EQ(model["losses_in_words"][0]["count"], 3);
  EXPECT_TRUE(model["ledger"].is_null());
}

TEST(HtmlModel, HistoryIsInTheOrderOfTheSites) {
  const ordered_json model = model_of(sample());
  EXPECT_EQ(model["history"]["site"], (std::vector<int>{0, 0, 2}));
  EXPECT_EQ(model["history"]["t_s"], (std::vector<double>{1, 2, 1}));
  EXPECT_EQ(model["history"]["live_bytes"], (std::vector<int>{7, 8, 5}));
}

TEST(HtmlModel, TheLedgerOfEveryWalkAddsUp) {
  const ordered_json model = model_of(sample());
  const ordered_json& history = model["ledger_history"];
  ASSERT_EQ(history["t_s"].size(), 1U);
  int64_t sum = history["residual_bytes"][0].get<int64_t>();
  for (const auto& [name, column] : history["buckets"].items()) {
    ASSERT_EQ(column.size(), 1U) << name;
    sum += column[0].get<int64_t>();
  }
  EXPECT_EQ(sum, history["rss_bytes"][0].get<int64_t>());
  EXPECT_EQ(history["buckets"]["live"][0], 3000);
  EXPECT_EQ(history["buckets"]["allocator_pinned"][0], 700);
}

}  // namespace
}  // namespace mla
