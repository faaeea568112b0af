// Many addresses at once: the same names whatever the number of threads.
#include <gtest/gtest.h>

#include <atomic>
#include <sstream>
#include <thread>

#include "report/folded.h"
#include "report/json.h"
#include "symbols/symbol_table.h"
#include "symbols/symbolizer.h"

namespace mla {
namespace {

constexpr uint64_t kStride = 48;
constexpr uint64_t kBias = 0x100000000;

// Call sites of three libraries: this program, which is large, and two that are small.
Snapshot many_addresses(uint32_t of_this_program) {
  Snapshot snapshot;
  snapshot.modules.resize(1);
  snapshot.nodes.resize(1);
  const auto add = [&snapshot](const std::string& path, const char* function, uint32_t count) {
    const auto file = ElfFile::open(path);
    const uint64_t first = symbol_addresses(*file, {function}).at(function);
    const auto module = static_cast<uint32_t>(snapshot.modules.size());
    const uint64_t bias = module * kBias;
    snapshot.modules.push_back({path, file->build_id(), bias, bias + kBias, bias, 1, 0, ""});
    for (uint32_t i = 0; i < count; ++i) {
      snapshot.nodes.push_back({bias + first + i * kStride + 1, i % 7, module, false});
      Site site;
      site.id = static_cast<uint32_t>(snapshot.nodes.size() - 1);
      site.native = site.id;
      site.live_bytes = site.alloc_bytes = 100 + i;
      snapshot.sites.push_back(site);
    }
  };
  add("/proc/self/exe", "main", of_this_program);
  add(MLA_FIXTURE, "fixture_run", 8);
  add(std::string(MLA_FIXTURES) + "/linked.so", "fixture_run", 8);
  snapshot.modules.push_back({"/absent/lib.so", "00", 0, 0, 0, 1, 0, ""});
  snapshot.nodes.push_back({0x5000, 0, static_cast<uint32_t>(snapshot.modules.size() - 1), false});
  snapshot.sites.back().native = static_cast<uint32_t>(snapshot.nodes.size() - 1);
  return snapshot;
}

bool all(const Site&) { return true; }

std::string all_frames(const Snapshot& snapshot, Symbolizer& symbolizer) {
  std::ostringstream text;
  for (uint32_t node = 1; node < snapshot.nodes.size(); ++node) {
    for (const Frame& frame : symbolizer.frames_of(node)) {
      text << node << ' ' << frame.function << ' ' << frame.file << ':' << frame.line << ' '
           << frame.module << ' ' << static_cast<int>(frame.kind) << ' ' << frame.pc << ' '
           << frame.module_offset << '\n';
    }
  }
  for (const std::string& warning : symbolizer.warnings()) text << warning << '\n';
  return text.str();
}

TEST(SymbolBatch, SameNamesByOneThreadByFourAndOneByOne) {
  const Snapshot snapshot = many_addresses(4000);
  Symbolizer lazy(snapshot);
  const std::string expected = all_frames(snapshot, lazy);
  EXPECT_NE(expected.find("symbols_fixture.cc:"), std::string::npos);
  for (const unsigned threads : {1U, 4U}) {
    Symbolizer prepared(snapshot, {.threads = threads});
    prepared.prepare(all);
    EXPECT_EQ(prepared.warnings().size(), 1U);
    EXPECT_EQ(all_frames(snapshot, prepared), expected) << threads;
  }
}

TEST(SymbolBatch, SameReports) {
  const Snapshot snapshot = many_addresses(2000);
  std::string first_json;
  std::string first_folded;
  for (const unsigned threads : {1U, 2U, 4U}) {
    std::ostringstream json;
    std::ostringstream folded;
    Symbolizer symbolizer(snapshot, {.threads = threads});
    write_json(json, snapshot, symbolizer);
    write_folded(folded, snapshot, symbolizer, StackValue::kLive);
    if (first_json.empty()) first_json = json.str();
    if (first_folded.empty()) first_folded = folded.str();
    EXPECT_EQ(json.str(), first_json) << threads;
    EXPECT_EQ(folded.str(), first_folded) << threads;
  }
}

TEST(SymbolBatch, ProgressEndsAtTheTotal) {
  const Snapshot snapshot = many_addresses(2000);
  std::atomic<uint64_t> calls{0};
  std::atomic<uint64_t> most{0};
  std::atomic<bool> elsewhere{false};
  const std::thread::id here = std::this_thread::get_id();
  Symbolizer symbolizer(snapshot, {.threads = 4, .progress = [&](uint64_t done, uint64_t total) {
                                     ++calls;
                                     if (done == total) most = total;
                                     if (std::this_thread::get_id() != here) elsewhere = true;
                                   }});
  symbolizer.prepare(all);
  EXPECT_EQ(calls, most);
  EXPECT_GT(most, 2000U);
  EXPECT_TRUE(elsewhere);
  // What is known is not looked up again.
  calls = 0;
  symbolizer.prepare(all);
  all_frames(snapshot, symbolizer);
  EXPECT_LE(calls, 1U);  // the site whose stack was exchanged for an absent library's
}

TEST(SymbolBatch, FewAddressesStartNoThread) {
  const Snapshot snapshot = many_addresses(100);
  const std::thread::id here = std::this_thread::get_id();
  bool elsewhere = false;
  Symbolizer symbolizer(snapshot, {.threads = 4, .progress = [&](uint64_t, uint64_t) {
                                     elsewhere = elsewhere || std::this_thread::get_id() != here;
                                   }});
  symbolizer.prepare(all);
  EXPECT_FALSE(elsewhere);
}

}  // namespace
}  // namespace mla
