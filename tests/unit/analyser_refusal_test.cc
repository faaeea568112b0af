// Files that are no recordings, and recordings that are not as they should be.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <random>

#include "reader/error.h"
#include "reader/reader.h"
#include "support/segment_builder.h"
#include "support/temporary_directory.h"

namespace mla {
namespace {

using test::SegmentBuilder;
using test::TemporaryDirectory;

class Refusal : public testing::Test {
 protected:
  std::string why(const std::string& path) {
    try {
      read_snapshot(path);
    } catch (const Error& error) {
      EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
      EXPECT_FALSE(error.what_to_do().empty());
      return error.why();
    }
    return "accepted";
  }

  std::string why_bytes(const std::string& bytes) {
    std::ofstream(file_, std::ios::binary) << bytes;
    return why(file_);
  }

  // A recording with something in every table.
  static std::string rich() {
    SegmentBuilder builder;
    builder.header().host = builder.string("nowhere");
    const uint32_t module = builder.module("/usr/lib/x.so", 0x400000, 0x500000, 0x400000, "abcdef");
    for (uint32_t i = 0; i < 50; ++i) {
      const uint32_t node = builder.node(builder.node(0, 0x401000 + i, module), 0x402000, module);
      const uint32_t site =
          builder.site(node, i % 7 == 0 ? format::SiteKind::kMapping : format::SiteKind::kHeap);
      builder.counter(site, 10, 1000 + i, 1, 100);
      builder.inherited(site).live_bytes = 5;
      builder.history(i % 4, 1000 * (i % 4 + 1), site, 10 * i);
      builder.peak(1, 1000, 500, site, i, 1);
    }
    builder.thread(1, "main");
    for (uint32_t i = 0; i < 100; ++i) builder.tick(i, 1000 * (i + 1), 1 << 20, 1 << 19);
    return builder.bytes();
  }

  TemporaryDirectory directory_;
  std::string file_ = directory_ / "file.mla";
};

TEST_F(Refusal, SaysWhatTheFileIs) {
  EXPECT_EQ(why(directory_ / "absent"), "cannot be opened: No such file or directory");
  EXPECT_EQ(why(directory_.path()), "is a directory");
  EXPECT_EQ(why("/dev/null"), "is not a regular file");
  ASSERT_EQ(mkfifo((directory_ / "fifo").c_str(), 0600), 0);
  EXPECT_EQ(why(directory_ / "fifo"), "is not a regular file");
  EXPECT_EQ(why_bytes(""), "is empty");
  EXPECT_EQ(why_bytes(std::string(100, '\0')), "holds only zeros, no recording");
  EXPECT_EQ(why_bytes(std::string(1 << 20, '\0')), "holds only zeros, no recording");
  EXPECT_EQ(why_bytes(std::string(4096, '\0') + rich().substr(4096)),
            "is unfinished: its process ended while it made this file");
  EXPECT_EQ(why_bytes("hello, world"), "is not a recording of mla");
  EXPECT_EQ(why("/proc/self/exe"), "is a program or library (ELF), not a recording");
  std::string bytes = rich();
  EXPECT_EQ(why_bytes(bytes), "accepted");
  for (const uint32_t other : {format::kVersion + 1, format::kVersion - 1}) {
    bytes[8] = static_cast<char>(other);
    EXPECT_EQ(why_bytes(bytes), "has format version " + std::to_string(other) +
                                    ", this mla reads version " + std::to_string(format::kVersion));
  }
  bytes[8] = static_cast<char>(format::kVersion);
  bytes[16] = 7;
  EXPECT_EQ(why_bytes(bytes), "has a damaged header: its sizes are not those of its version");
}

TEST_F(Refusal, AFileLargerThanAnyRecording) {
  std::ofstream(file_, std::ios::binary) << rich();
  std::filesystem::resize_file(file_, format::kMaxFileBytes + 1);
  EXPECT_EQ(why(file_), "is larger than any recording can be");
}

TEST_F(Refusal, TruncatedAnywhere) {
  const std::string bytes = rich();
  for (size_t size = 1; size < bytes.size(); size += size < 2000 ? 1 : 1999) {
    const std::string reason = why_bytes(bytes.substr(0, size));
    EXPECT_EQ(reason.rfind("is truncated: ", 0), 0U) << size << ": " << reason;
  }
}

TEST_F(Refusal, ADirectoryEntryBeyondTheBlocksInUse) {
  SegmentBuilder builder;
  builder.counter(builder.site(builder.node(0, 0x401000)), 1, 10);
  auto& entry = builder.header().directory[format::shape(format::Table::kCounters).directory_index];
  entry = format::kMaxBlocks - 1;
  std::ofstream(file_, std::ios::binary) << builder.bytes();
  const Snapshot snapshot = read_snapshot(file_);
  EXPECT_TRUE(snapshot.sites.empty());
  ASSERT_EQ(snapshot.damage.size(), 1U);
  EXPECT_EQ(snapshot.damage[0],
            "directory of counters: a block outside the file was left out (record 0)");
}

TEST_F(Refusal, HostileIdsAreLeftOutAndSaid) {
  SegmentBuilder builder;
  const uint32_t good = builder.site(builder.node(0, 0x401000));
  builder.counter(good, 1, 10);
  builder.node(3'000'000, 0x402000);              // a parent that comes later
  builder.node(3, 0x402000);                      // its own parent
  builder.node(0, 1ULL << 60);                    // no address
  builder.node(0, 0x403000, 4000);                // no such module
  const uint32_t orphan = builder.site(900'000);  // no such node
  builder.counter(orphan, 1, 20);
  builder.counter(77'777, 1, 30);                              // no such site
  builder.site(1, static_cast<format::SiteKind>(9));           // no such kind
  builder.module("/x", 0x5000, 0x4000, 0);                     // ends before it begins
  builder.header().exe = format::make_string_ref(1 << 30, 5);  // no such string
  builder.history(0, 5, 888'888, 1);
  std::ofstream(file_, std::ios::binary) << builder.bytes();
  const Snapshot snapshot = read_snapshot(file_);
  EXPECT_EQ(snapshot.totals.live_bytes, 30U);
  ASSERT_EQ(snapshot.sites.size(), 2U);
  EXPECT_EQ(snapshot.sites[0].native, 0U);
  EXPECT_EQ(snapshot.process.exe, "");
  const std::vector<std::string> expected{
      "counters: of a call site that does not exist; left out (record 2)",
      "header: a string outside the file was left out (record 0)",
      "history: of a call site that does not exist; left out (record 0)",
      "modules: an empty address range; the module was left out (record 1)",
      "nodes: a module that does not exist; the frame has no name (record 5)",
      "nodes: a parent that is no earlier node; the stack ends there (record 2 and 1 more)",
      "nodes: no address; the stack ends there (record 4)",
      "sites: a stack that does not exist; shown without one (record 3)",
      "sites: of no known kind; left out (record 4)"};
  EXPECT_EQ(snapshot.damage, expected);
}

// Every id of a Snapshot may be used as an index, whatever the file was.
void expect_consistent(const Snapshot& snapshot) {
  for (size_t i = 1; i < snapshot.nodes.size(); ++i) {
    ASSERT_LT(snapshot.nodes[i].parent, i);
    ASSERT_LT(snapshot.nodes[i].module, snapshot.modules.size());
  }
  for (const Site& site : snapshot.sites) ASSERT_LT(site.native, snapshot.nodes.size());
  for (const SiteHistory& history : snapshot.history) {
    ASSERT_LT(history.site_index, snapshot.sites.size());
    ASSERT_FALSE(history.points.empty());
  }
  ASSERT_LT(snapshot.damage.size(), 100U);
}

TEST_F(Refusal, FlippedBitsAreNeverTakenForIds) {
  const std::string bytes = rich();
  std::mt19937 random(20240607);
  int accepted = 0;
  for (int round = 0; round < 400; ++round) {
    std::string broken = bytes;
    const size_t flips = 1 + random() % 200;
    for (size_t i = 0; i < flips; ++i) {
      // Past the first fields, which would only be refused.
      const size_t at = 64 + random() % (broken.size() - 64);
      broken[at] = static_cast<char>(broken[at] ^ 1 << random() % 8);
    }
    std::ofstream(file_, std::ios::binary) << broken;
    try {
      const Snapshot snapshot = read_snapshot(file_);
      expect_consistent(snapshot);
      ++accepted;
    } catch (const Error&) {
      continue;  // refused: as good
    }
  }
  EXPECT_GT(accepted, 300);
}

TEST_F(Refusal, RandomTables) {
  const std::string bytes = rich();
  const size_t tables = format::kFirstTableBlock * format::kBlockBytes;
  std::mt19937 random(42);
  for (int round = 0; round < 60; ++round) {
    std::string broken = bytes;
    for (size_t at = tables; at + 4 <= broken.size(); at += 4) {
      const uint32_t value = random() >> random() % 32;  // small numbers too
      std::memcpy(&broken[at], &value, sizeof value);
    }
    std::ofstream(file_, std::ios::binary) << broken;
    expect_consistent(read_snapshot(file_));
  }
}

}  // namespace
}  // namespace mla
