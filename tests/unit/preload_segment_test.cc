#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <cstring>
#include <fstream>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "segment/control.h"
#include "segment/segment.h"
#include "support/temporary_directory.h"

namespace mla {
namespace {

using format::ModuleRecord;
using format::NodeRecord;
using format::SegmentHeader;
using format::Table;

class SegmentTest : public testing::Test {
 protected:
  SegmentTest() { set_mode(Mode::kRecording); }
  ~SegmentTest() override {
    segment_.unmap();
    set_mode(Mode::kUnset);
  }
  void SetUp() override { ASSERT_TRUE(segment_.open_private()); }

  uint64_t claimed(Table table) {
    return segment_.header().claimed[static_cast<uint32_t>(table)].load();
  }
  std::string string_at(uint64_t ref) {
    const char* s = segment_.record<char>(Table::kStrings, ref >> 32);
    return s == nullptr ? "" : std::string(s, ref & 0xffffffff);
  }
  // What is in use of it: the file is sparse up to its largest possible size.
  std::string beginning_of(const std::string& path) {
    std::string text(64UL * format::kBlockBytes, 0);
    std::ifstream file(path, std::ios::binary);
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<size_t>(file.gcount()));
    return text;
  }

  Segment segment_;
  test::TemporaryDirectory directory_;
};

TEST_F(SegmentTest, BeginsAsTheFormatSays) {
  const SegmentHeader& h = segment_.header();
  EXPECT_EQ(h.magic, format::kMagic);
  EXPECT_EQ(h.version, format::kVersion);
  EXPECT_EQ(h.header_bytes, sizeof(SegmentHeader));
  EXPECT_EQ(h.state, static_cast<uint32_t>(format::State::kRecording));
  EXPECT_EQ(h.exit_code, -1);
  EXPECT_EQ(h.pid, static_cast<uint32_t>(getpid()));
  // Ids 0 mean "none".
  EXPECT_EQ(segment_.claim(Table::kModules), 1U);
  EXPECT_EQ(segment_.claim(Table::kNodes), 1U);
  EXPECT_EQ(segment_.claim(Table::kSites), format::kFirstSite);
  EXPECT_EQ(segment_.claim(Table::kThreads), 0U);
  EXPECT_FALSE(segment_.has_file());
}

TEST_F(SegmentTest, RecordsStayWhereTheyAreWhileTablesGrow) {
  std::vector<NodeRecord*> nodes;
  for (uint32_t i = 1; i < 10000; ++i) {
    ASSERT_EQ(segment_.claim(Table::kNodes), i);
    nodes.push_back(segment_.record<NodeRecord>(Table::kNodes, i));
    ASSERT_NE(nodes.back(), nullptr);
    nodes.back()->pc.store(i);
  }
  for (uint32_t i = 1; i < 10000; ++i) {
    EXPECT_EQ(segment_.record<NodeRecord>(Table::kNodes, i), nodes[i - 1]);
    EXPECT_EQ(nodes[i - 1]->pc, i);
    EXPECT_EQ(segment_.at_offset<NodeRecord>(segment_.offset_of(nodes[i - 1])), nodes[i - 1]);
  }
  EXPECT_EQ(segment_.record<NodeRecord>(Table::kNodes, 1000000), nullptr);
}

TEST_F(SegmentTest, RunsOfCountersDoNotCrossBlocks) {
  const uint32_t per_block = format::shape(Table::kCounters).records_per_block;
  for (int i = 0; i < 100; ++i) {
    const uint64_t first = segment_.claim(Table::kCounters, format::kCountersPerRun);
    ASSERT_NE(first, Segment::kNoRecord);
    EXPECT_EQ(first / per_block, (first + format::kCountersPerRun - 1) / per_block);
    EXPECT_NE(segment_.record<char>(Table::kCounters, first + format::kCountersPerRun - 1),
              nullptr);
  }
}

TEST_F(SegmentTest, AFullTableSaysSoAndDoesNotCountOn) {
  const uint64_t most = format::shape(Table::kModules).max_records();
  for (uint64_t i = 1; i < most; ++i) ASSERT_EQ(segment_.claim(Table::kModules), i);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(segment_.claim(Table::kModules), Segment::kNoRecord);
  EXPECT_EQ(claimed(Table::kModules), most);
  EXPECT_FALSE(segment_.ensure(Table::kModules, most + 10000));
  // That is no reason to stop.
  EXPECT_EQ(segment_.header().stop_reason, 0U);
  EXPECT_EQ(current_mode(), Mode::kRecording);
}

TEST_F(SegmentTest, KeepsStrings) {
  EXPECT_EQ(segment_.store_string("", 0), 0U);
  EXPECT_EQ(string_at(segment_.store_string("first", 5)), "first");
  EXPECT_EQ(string_at(segment_.store_string("a\0b", 3)), std::string("a\0b", 3));
  const std::string long_text(20000, 'x');
  EXPECT_EQ(string_at(segment_.store_string(long_text.data(), long_text.size())),
            long_text.substr(0, 16 * 1024));
}

TEST_F(SegmentTest, StringsDoNotCrossBlocksUntilThereIsNoRoom) {
  const std::string text(10000, 'y');
  uint64_t stored = 0;
  for (;;) {
    const uint64_t ref = segment_.store_string(text.data(), text.size());
    if (ref == 0) break;
    const uint64_t start = ref >> 32;
    ASSERT_EQ(start / format::kBlockBytes, (start + text.size() - 1) / format::kBlockBytes);
    ASSERT_EQ(string_at(ref), text);
    ++stored;
  }
  // Three to a block.
  EXPECT_EQ(stored, 3U * format::shape(Table::kStrings).max_blocks);
}

TEST_F(SegmentTest, ThreadsClaimAndStoreAtTheSameTime) {
  constexpr uint32_t kThreads = 4;
  constexpr uint32_t kEach = 20000;
  std::vector<uint64_t> nodes[kThreads];
  std::vector<uint64_t> strings[kThreads];
  std::vector<std::thread> threads;
  for (uint32_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (uint32_t i = 0; i < kEach; ++i) {
        const uint64_t id = segment_.claim(Table::kNodes);
        NodeRecord* node = segment_.record<NodeRecord>(Table::kNodes, id);
        node->parent = t;
        node->pc.store(id, std::memory_order_release);
        nodes[t].push_back(id);
        if (i % 100 == 0) {
          const std::string text = std::to_string(t) + ":" + std::to_string(i);
          strings[t].push_back(segment_.store_string(text.data(), text.size()));
        }
      }
    });
  }
  for (std::thread& t : threads) t.join();
  std::set<uint64_t> all;
  for (uint32_t t = 0; t < kThreads; ++t) {
    for (const uint64_t id : nodes[t]) {
      ASSERT_TRUE(all.insert(id).second) << "handed out twice";
      const NodeRecord* node = segment_.record<NodeRecord>(Table::kNodes, id);
      ASSERT_EQ(node->pc, id);
      ASSERT_EQ(node->parent, t);
    }
    for (uint32_t i = 0; i < kEach; i += 100) {
      EXPECT_EQ(string_at(strings[t][i / 100]), std::to_string(t) + ":" + std::to_string(i));
    }
  }
  EXPECT_EQ(all.size(), kThreads * kEach);
  std::set<uint32_t> blocks;
  for (const std::atomic<uint32_t>& block : segment_.header().directory) {
    if (block != 0) {
      EXPECT_TRUE(blocks.insert(block).second) << "a block of two tables";
      EXPECT_LT(block, segment_.header().blocks_used);
    }
  }
}

TEST_F(SegmentTest, GoesToAFileAndGoesOnThere) {
  ModuleRecord* module =
      segment_.record<ModuleRecord>(Table::kModules, segment_.claim(Table::kModules));
  module->start = 4711;
  const std::string path = directory_ / "segment.mla";
  ASSERT_EQ(segment_.move_to_file(path.c_str()), 0);
  EXPECT_EQ(segment_.path(), path);
  EXPECT_EQ(segment_.record<ModuleRecord>(Table::kModules, 1), module);
  EXPECT_EQ(module->start, 4711U);

  struct stat status {};
  ASSERT_EQ(stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600U);
  module->end = 4712;
  for (uint32_t i = 1; i < 5000; ++i) {
    segment_.record<NodeRecord>(Table::kNodes, segment_.claim(Table::kNodes))->pc.store(i);
  }
  const std::string file = beginning_of(path);
  const auto& h = *reinterpret_cast<const SegmentHeader*>(file.data());
  EXPECT_EQ(h.magic, format::kMagic);
  const auto block = [&](Table table, uint32_t k) {
    return file.data() +
           uint64_t{h.directory[format::shape(table).directory_index + k]} * format::kBlockBytes;
  };
  EXPECT_EQ(reinterpret_cast<const ModuleRecord*>(block(Table::kModules, 0))[1].end, 4712U);
  EXPECT_EQ(reinterpret_cast<const NodeRecord*>(block(Table::kNodes, 2))[4999 - 4096].pc, 4999U);
}

TEST_F(SegmentTest, AFileThatCannotBeMadeChangesNothing) {
  const std::string existing = directory_ / "existing";
  std::ofstream(existing) << "kept";
  EXPECT_EQ(segment_.move_to_file(existing.c_str()), -EEXIST);
  EXPECT_EQ(beginning_of(existing), "kept");
  EXPECT_EQ(segment_.move_to_file((directory_ / "no/where").c_str()), -ENOENT);
  const std::string link = directory_ / "link";
  ASSERT_EQ(symlink((directory_ / "target").c_str(), link.c_str()), 0);
  EXPECT_EQ(segment_.move_to_file(link.c_str()), -EEXIST);
  EXPECT_NE(access((directory_ / "target").c_str(), F_OK), 0);
  EXPECT_EQ(segment_.move_to_file(std::string(600, 'x').c_str()), -EFBIG);
  EXPECT_FALSE(segment_.has_file());
  EXPECT_EQ(segment_.claim(Table::kNodes), 1U);
}

TEST_F(SegmentTest, StopsAtTheFileSizeLimitWithoutASignal) {
  struct rlimit old {};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &old), 0);
  const rlimit small = {20 * format::kBlockBytes, old.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  EXPECT_EQ(segment_.move_to_file((directory_ / "limited").c_str()), 0);
  uint64_t id = 0;
  while (id != Segment::kNoRecord) id = segment_.claim(Table::kNodes);
  setrlimit(RLIMIT_FSIZE, &old);
  EXPECT_EQ(current_mode(), Mode::kOff);
  EXPECT_EQ(segment_.header().state, static_cast<uint32_t>(format::State::kStopped));
  EXPECT_EQ(segment_.header().stop_reason, static_cast<uint32_t>(format::StopReason::kFileLimit));
  EXPECT_EQ(segment_.header().stop_errno, EFBIG);
  EXPECT_LE(beginning_of(directory_ / "limited").size(), 20U * format::kBlockBytes);
}

TEST_F(SegmentTest, TheFirstReasonToStopStays) {
  segment_.stop(format::StopReason::kFileLimit, EFBIG);
  segment_.stop(format::StopReason::kNoSpace, 1);
  EXPECT_EQ(segment_.header().stop_reason, static_cast<uint32_t>(format::StopReason::kFileLimit));
  EXPECT_EQ(segment_.header().stop_errno, EFBIG);
  EXPECT_EQ(current_mode(), Mode::kOff);
}

TEST_F(SegmentTest, AChildTakesOverTheNamesOfItsParent) {
  const uint64_t text = segment_.store_string("name", 4);
  for (uint32_t i = 1; i < 3000; ++i) {
    segment_.record<NodeRecord>(Table::kNodes, segment_.claim(Table::kNodes))->pc.store(i);
  }
  segment_.claim(Table::kThreads);
  Segment child;
  Segment parent;
  parent.take_over(segment_);
  EXPECT_FALSE(segment_.is_open());
  ASSERT_TRUE(child.open_private());
  ASSERT_TRUE(child.copy_names_of(parent));
  parent.unmap();
  EXPECT_EQ(child.record<NodeRecord>(Table::kNodes, 2999)->pc, 2999U);
  EXPECT_EQ(child.claim(Table::kNodes), 3000U);
  EXPECT_EQ(std::string(child.record<char>(Table::kStrings, text >> 32), 4), "name");
  EXPECT_EQ(child.claim(Table::kThreads), 0U);  // its threads are its own
  child.unmap();
}

}  // namespace
}  // namespace mla
