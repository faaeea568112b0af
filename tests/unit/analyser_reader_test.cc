// What the reader makes of good files.
#include <gtest/gtest.h>

#include "reader/reader.h"
#include "support/segment_builder.h"
#include "support/temporary_directory.h"

namespace mla {
namespace {

using format::SiteKind;
using test::SegmentBuilder;
using test::TemporaryDirectory;

Snapshot read(SegmentBuilder& builder) {
  const TemporaryDirectory directory;
  builder.write(directory / "a.mla");
  return read_snapshot(directory / "a.mla");
}

TEST(Reader, ProcessOfAnEmptyRecording) {
  SegmentBuilder builder;
  builder.header().python_version = builder.string("3.11.2");
  builder.header().settings = builder.string("MLA_DIR=/x\nMLA_ALLOCATOR=jemalloc\n");
  builder.header().note = builder.string("one\ntwo");
  builder.header().thp_mode = 2;
  const Snapshot snapshot = read(builder);
  EXPECT_EQ(snapshot.process.exe, "/usr/bin/server");
  EXPECT_EQ(snapshot.process.argv, (std::vector<std::string>{"server", "--port", "80"}));
  EXPECT_EQ(snapshot.process.allocator, "ptmalloc2");
  EXPECT_EQ(snapshot.process.allocator_version, "2.36");
  EXPECT_EQ(snapshot.process.python_version, "3.11.2");
  EXPECT_EQ(snapshot.process.settings,
            (std::vector<std::string>{"MLA_DIR=/x", "MLA_ALLOCATOR=jemalloc"}));
  EXPECT_EQ(snapshot.process.notes, (std::vector<std::string>{"one", "two"}));
  EXPECT_EQ(snapshot.process.thp_mode, "madvise");
  EXPECT_EQ(snapshot.status, ProcessStatus::kKilled);
  EXPECT_TRUE(snapshot.sites.empty());
  EXPECT_EQ(snapshot.nodes.size(), 1U);
  EXPECT_EQ(snapshot.modules.size(), 1U);
  EXPECT_TRUE(snapshot.damage.empty());
}

TEST(Reader, CountersOfAllShardsAreSummed) {
  SegmentBuilder builder;
  const uint32_t leaf = builder.node(builder.node(0, 0x401000), 0x402000);
  const uint32_t site = builder.site(leaf);
  const uint32_t small = builder.site(builder.node(0, 0x403000));
  builder.counter(small, 1, 8);
  builder.counter(site, 10, 1000, 1, 100);
  builder.counter(site, 5, 500, 3, 300);
  const Snapshot snapshot = read(builder);
  ASSERT_EQ(snapshot.sites.size(), 2U);
  const Site& largest = snapshot.sites[0];
  EXPECT_EQ(largest.id, site);
  EXPECT_EQ(largest.alloc_count, 15U);
  EXPECT_EQ(largest.alloc_bytes, 1500U);
  EXPECT_EQ(largest.freed_count, 4U);
  EXPECT_EQ(largest.freed_bytes, 400U);
  EXPECT_EQ(largest.live_count, 11U);
  EXPECT_EQ(largest.live_bytes, 1100U);
  EXPECT_EQ(snapshot.totals.live_bytes, 1108U);
  EXPECT_EQ(snapshot.totals.alloc_count, 16U);
  EXPECT_EQ(snapshot.totals.freed_bytes, 400U);
  // The header's running peak lags behind: never below what is live.
  EXPECT_EQ(snapshot.totals.peak_live_bytes, 1108U);
}

TEST(Reader, MoreFreedThanAllocatedIsNotBelowZero) {
  SegmentBuilder builder;
  const uint32_t site = builder.site(builder.node(0, 0x401000));
  builder.counter(site, 1, 100, 2, 200);
  const Snapshot snapshot = read(builder);
  EXPECT_EQ(snapshot.sites[0].live_bytes, 0U);
  EXPECT_EQ(snapshot.sites[0].live_count, 0U);
  EXPECT_EQ(snapshot.totals.live_bytes, 0U);
}

TEST(Reader, MappingsAreApartFromTheHeap) {
  SegmentBuilder builder;
  const uint32_t leaf = builder.node(0, 0x401000);
  builder.counter(builder.site(leaf), 1, 100);
  builder.counter(builder.site(leaf, SiteKind::kMapping), 1, 4096);
  const Snapshot snapshot = read(builder);
  ASSERT_EQ(snapshot.sites.size(), 2U);
  EXPECT_TRUE(snapshot.sites[0].mapping);
  EXPECT_FALSE(snapshot.sites[1].mapping);
  EXPECT_EQ(snapshot.totals.live_bytes, 100U);
  EXPECT_EQ(snapshot.totals.mapped_bytes, 4096U);
  EXPECT_EQ(snapshot.totals.alloc_count, 1U);
}

TEST(Reader, EqualStacksUnderDifferentNodesAreOneSite) {
  SegmentBuilder builder;
  const uint32_t root_a = builder.node(0, 0x401000);
  const uint32_t root_b = builder.node(0, 0x401000);
  const uint32_t site_a = builder.site(builder.node(root_a, 0x402000));
  const uint32_t site_b = builder.site(builder.node(root_b, 0x402000));
  builder.counter(site_a, 1, 10);
  builder.counter(site_b, 2, 20);
  builder.peak(2, 30, 5, site_a, 10, 1);
  builder.record<format::PeakRecord>(format::Table::kPeakB, site_b).live_bytes = 20;
  builder.header().peak[1].sites = site_b + 1;
  builder.history(0, 7, site_a, 10);
  builder.history(0, 7, site_b, 20);
  const Snapshot snapshot = read(builder);
  EXPECT_EQ(snapshot.nodes.size(), 3U);
  ASSERT_EQ(snapshot.sites.size(), 1U);
  EXPECT_EQ(snapshot.sites[0].id, site_a);
  EXPECT_EQ(snapshot.sites[0].alloc_bytes, 30U);
  EXPECT_EQ(snapshot.sites[0].peak_bytes, 30U);
  EXPECT_EQ(snapshot.totals.peak_snapshot_bytes, 30U);
  ASSERT_EQ(snapshot.history.size(), 1U);
  ASSERT_EQ(snapshot.history[0].points.size(), 1U);
  EXPECT_EQ(snapshot.history[0].points[0].live_bytes, 30U);
}

TEST(Reader, ExactAddressesAreToldApart) {
  SegmentBuilder builder;
  builder.counter(builder.site(builder.node(0, 0x401000)), 1, 10);
  builder.counter(builder.site(builder.node(0, format::kPcExact | 0x401000)), 1, 5);
  const Snapshot snapshot = read(builder);
  ASSERT_EQ(snapshot.sites.size(), 2U);
  EXPECT_FALSE(snapshot.nodes[snapshot.sites[0].native].exact_pc);
  EXPECT_TRUE(snapshot.nodes[snapshot.sites[1].native].exact_pc);
  EXPECT_EQ(snapshot.nodes[snapshot.sites[1].native].pc, 0x401000U);
}

TEST(Reader, OverflowSiteNeedsNoRecord) {
  SegmentBuilder builder;
  builder.counter(format::index(format::SiteId::kOverflow), 3, 30);
  const Snapshot snapshot = read(builder);
  ASSERT_EQ(snapshot.sites.size(), 1U);
  EXPECT_TRUE(snapshot.sites[0].overflow);
  EXPECT_EQ(snapshot.totals.live_bytes, 30U);
}

TEST(Reader, InheritedIsApart) {
  SegmentBuilder builder;
  builder.header().fork_depth = 1;
  const uint32_t site = builder.site(builder.node(0, 0x401000));
  builder.inherited(site).live_bytes = 1000;
  builder.inherited(site).live_count = 10;
  builder.inherited(site).freed_bytes = 300;
  builder.inherited(site).freed_count = 3;
  const Snapshot snapshot = read(builder);
  EXPECT_EQ(snapshot.totals.inherited_bytes, 700U);
  EXPECT_EQ(snapshot.totals.inherited_count, 7U);
  EXPECT_EQ(snapshot.totals.live_bytes, 0U);
}

TEST(Reader, UnpublishedRecordsDoNotExist) {
  SegmentBuilder builder;
  const uint32_t site = builder.site(builder.node(0, 0x401000));
  builder.counter(site, 1, 10);
  builder.claimed(format::Table::kNodes) += 5;
  builder.claimed(format::Table::kSites) += 5;
  builder.claimed(format::Table::kModules) += 5;
  // Far beyond what has blocks, and beyond the table: a claim is not a record.
  builder.claimed(format::Table::kCounters) = UINT64_MAX;
  const Snapshot snapshot = read(builder);
  EXPECT_EQ(snapshot.sites.size(), 1U);
  EXPECT_EQ(snapshot.nodes.size(), 2U);
  EXPECT_TRUE(snapshot.damage.empty());
}

TEST(Reader, TimelineAndHistoryInTimeOrder) {
  SegmentBuilder builder;
  const uint32_t site = builder.site(builder.node(0, 0x401000));
  builder.counter(site, 1, 10);
  builder.tick(0, 300, 3, 33);
  builder.tick(1000, 100, 1, 11);
  builder.tick(5, 200, 2, 22);
  builder.history(31, 50, site, 5);
  builder.history(3, 20, site, 2);
  const Snapshot snapshot = read(builder);
  ASSERT_EQ(snapshot.timeline.size(), 3U);
  EXPECT_EQ(snapshot.timeline[0].live_bytes, 11U);
  EXPECT_EQ(snapshot.timeline[2].rss_bytes, 3U);
  ASSERT_EQ(snapshot.history.size(), 1U);
  EXPECT_EQ(snapshot.history[0].points[0].t_ns, 20U);
  EXPECT_EQ(snapshot.history[0].points[1].live_bytes, 5U);
  EXPECT_EQ(snapshot.last_ns, 300U);
}

TEST(Reader, ThreadsLossesStopAndOwnMemory) {
  SegmentBuilder builder;
  builder.thread(77, "worker-of-sixteen");  // cut at 16, no NUL left
  builder.header().losses[0] = 4;
  builder.header().losses[5] = 100;  // frees of unknown blocks are no lost events
  builder.header().state = static_cast<uint32_t>(format::State::kStopped);
  builder.header().stop_reason = static_cast<uint32_t>(format::StopReason::kNoSpace);
  builder.header().stop_errno = 28;
  builder.header().stop_ns = 12;
  builder.header().own_private_bytes = 1000;
  builder.header().own_live_map_bytes = 500;
  const Snapshot snapshot = read(builder);
  ASSERT_EQ(snapshot.threads.size(), 1U);
  EXPECT_EQ(snapshot.threads[0].name, "worker-of-sixtee");
  EXPECT_EQ(snapshot.totals.lost_events, 4U);
  EXPECT_EQ(snapshot.losses[5], 100U);
  EXPECT_EQ(snapshot.stop_reason, format::StopReason::kNoSpace);
  EXPECT_EQ(snapshot.stop_errno, 28);
  EXPECT_EQ(snapshot.totals.own_bytes, snapshot.file_bytes + 1500);
  EXPECT_EQ(snapshot.totals.own_live_map_bytes, 500U);
}

TEST(Reader, ApparentSizeBeyondTheBlocksInUseIsNotRead) {
  SegmentBuilder builder;
  builder.counter(builder.site(builder.node(0, 0x401000)), 1, 10);
  const TemporaryDirectory directory;
  builder.write(directory / "a.mla");
  const uint64_t used = std::filesystem::file_size(directory / "a.mla");
  std::filesystem::resize_file(directory / "a.mla", 100ULL << 20);
  const Snapshot snapshot = read_snapshot(directory / "a.mla");
  EXPECT_EQ(snapshot.file_bytes, used);
  EXPECT_EQ(snapshot.totals.live_bytes, 10U);
  EXPECT_TRUE(snapshot.damage.empty());
}

}  // namespace
}  // namespace mla
