// Counters of threads that come and go, while another one sums them up.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include "capture/peak.h"
#include "capture/shard.h"
#include "segment/control.h"

namespace mla {
namespace {

using format::CounterRecord;
using format::PeakRecord;
using format::SiteId;
using format::Table;

constexpr uint32_t kSites = 3000;  // more than a leaf of a shard holds

class CountersTest : public testing::Test {
 protected:
  CountersTest() { set_mode(Mode::kRecording); }
  // Shards outlive the segment their counters lie in: as in a forked child, they begin anew.
  ~CountersTest() override {
    reset_shards_after_fork();
    segment.unmap();
    set_mode(Mode::kUnset);
  }
  void SetUp() override {
    ASSERT_TRUE(segment.open_private());
    static const bool watched = [] { return watch_thread_ends(), true; }();
    ASSERT_TRUE(watched);
    while (segment.claim(Table::kSites) < kSites) {
    }
  }
};

// One thread's part: `blocks` blocks of site-dependent size, of which every third stays.
void allocate_and_free(uint32_t seed, uint32_t blocks) {
  Shard* shard = current_shard();
  ASSERT_NE(shard, nullptr);
  for (uint32_t i = 0; i < blocks; ++i) {
    const uint32_t site = format::kFirstSite + (i * 7 + seed * 131) % (kSites - format::kFirstSite);
    CounterRecord* counter = counter_of(*shard, SiteId{site});
    ASSERT_NE(counter, nullptr);
    bump(counter->alloc_count, 1);
    bump(counter->alloc_bytes, site);
    shard->alloc_count += 1;
    shard->alloc_bytes += site;
    if (i % 3 != 0) {
      bump(counter->freed_count, 1);
      bump(counter->freed_bytes, site);
      shard->freed_count += 1;
      shard->freed_bytes += site;
    }
    if (i % 64 == 0) refresh_totals(*shard);
  }
}

TEST_F(CountersTest, NothingIsLostOverThreadsThatEnd) {
  constexpr uint32_t kThreads = 4;
  constexpr uint32_t kRounds = 5;
  constexpr uint32_t kBlocks = 6000;
  std::atomic<bool> done{false};
  std::thread reader([&done] {
    while (!done.load()) {
      Table table{};
      uint64_t sites = 0;
      ASSERT_TRUE(sum_sites(table, sites));
      for (uint64_t i = format::kFirstSite; i < std::min<uint64_t>(sites, kSites); ++i) {
        // A site's counters are at most one event a thread apart.
        const auto* sum = segment.record<PeakRecord>(table, i);
        ASSERT_LE(sum->live_count.load(), kThreads * kRounds * kBlocks);
      }
    }
  });
  for (uint32_t round = 0; round < kRounds; ++round) {
    std::vector<std::thread> threads;
    for (uint32_t t = 0; t < kThreads; ++t) {
      threads.emplace_back(allocate_and_free, round * kThreads + t, kBlocks);
    }
    for (std::thread& thread : threads) thread.join();
  }
  done.store(true);
  reader.join();
  uint64_t count = 0;
  uint64_t bytes = 0;
  uint64_t wanted_bytes = 0;
  Table table{};
  uint64_t sites = 0;
  ASSERT_TRUE(sum_sites(table, sites));
  for (uint64_t i = format::kFirstSite; i < kSites; ++i) {
    const auto* sum = segment.record<PeakRecord>(table, i);
    count += sum->live_count.load();
    bytes += sum->live_bytes.load();
    wanted_bytes += sum->live_count.load() * i;
  }
  EXPECT_EQ(count, kThreads * kRounds * (kBlocks / 3));
  EXPECT_EQ(bytes, wanted_bytes);
  // The ends of the threads have brought the totals up to date.
  EXPECT_EQ(segment.header().live_count.load(), count);
  EXPECT_EQ(segment.header().live_bytes.load(), bytes);
  EXPECT_EQ(segment.header().alloc_count.load(), kThreads * kRounds * uint64_t{kBlocks});
  // Shards of threads that ended serve later ones.
  uint32_t most = 0;
  const uint64_t records = segment.header().claimed[static_cast<uint32_t>(Table::kCounters)].load();
  for (uint64_t i = 0; i < records; ++i) {
    const auto* counter = segment.record<CounterRecord>(Table::kCounters, i);
    if (counter->site.load() != 0) most = std::max(most, counter->shard);
  }
  EXPECT_LE(most, kThreads);
}

}  // namespace
}  // namespace mla
