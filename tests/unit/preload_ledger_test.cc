// The parts of the ledger that need no host.
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <memory>
#include <string>

#include "capture/heap_pages.h"
#include "segment/memory_map.h"
#include "segment/own_memory.h"

namespace mla {

namespace {

using format::SiteId;

constexpr uintptr_t kPage = 4096;
constexpr uintptr_t kHeap = 0x7e0000000000;

void enter(uintptr_t address, uint64_t bytes, uint32_t site) {
  LiveBlock stale;
  ASSERT_TRUE(live_map.insert(address, {SiteId{site}, bytes, 0}, stale));
}

class HeapPagesTest : public testing::Test {
 protected:
  void SetUp() override {
    base_ = next_base += 64 * 1024 * kPage;
    begin(nullptr, 0);
  }
  void begin(HeapPages::Usable usable, uint64_t header) {
    pages_->begin(live_map, usable, header, sites_, 8);
  }
  HeapSums count(uint32_t pages, bool resident = true) {
    for (uint32_t i = 0; i < pages; ++i) pages_->count(base_ + i * kPage, resident);
    return pages_->sums();
  }

  static inline uintptr_t next_base = kHeap;
  uintptr_t base_ = 0;
  SitePages sites_[8] = {};
  std::unique_ptr<HeapPages> pages_ = std::make_unique<HeapPages>();
};

TEST_F(HeapPagesTest, APageWithoutBlocksIsFree) {
  const HeapSums sums = count(3);
  EXPECT_EQ(sums.free_pages, 3 * kPage);
  EXPECT_EQ(sums.pinned_free, 0);
}

TEST_F(HeapPagesTest, AFewBytesPinTheirPage) {
  enter(base_ + 128, 64, 3);
  const HeapSums sums = count(2);
  EXPECT_EQ(sums.touched_bytes, 64);
  EXPECT_EQ(sums.pinned_free, kPage - 64);
  EXPECT_EQ(sums.pinned_pages, 1);
  EXPECT_EQ(sums.free_pages, kPage);
  EXPECT_EQ(sites_[3].pinned, kPage - 64);
}

TEST_F(HeapPagesTest, ABlockReachesOverItsPages) {
  enter(base_ + kPage - 96, 96 + kPage + 1000, 2);
  const HeapSums sums = count(4);
  EXPECT_EQ(sums.live_bytes, 96 + kPage + 1000);
  EXPECT_EQ(sums.touched_bytes, 96 + kPage + 1000);
  EXPECT_EQ(sums.full_pages, 1);
  EXPECT_EQ(sums.pinned_free, (kPage - 96) + (kPage - 1000));
  EXPECT_EQ(sums.free_pages, kPage);
}

TEST_F(HeapPagesTest, WhatIsNotResidentIsOnlyLive) {
  enter(base_, 5000, 2);
  const HeapSums sums = count(3, false);
  EXPECT_EQ(sums.live_bytes, 5000);
  EXPECT_EQ(sums.touched_bytes, 0);
  EXPECT_EQ(sums.free_pages, 0);
}

TEST_F(HeapPagesTest, SitesShareAPageByTheirBytes) {
  enter(base_, 999, 1);
  enter(base_ + 2048, 499, 2);
  count(1);
  const uint64_t free_bytes = kPage - 999 - 499;
  EXPECT_EQ(sites_[1].pinned, free_bytes * 1000 / 1500);
  EXPECT_EQ(sites_[2].pinned, free_bytes * 500 / 1500);
}

TEST_F(HeapPagesTest, RoundingAndHeadersAreCounted) {
  begin([](uintptr_t, uint64_t bytes) { return bytes + 8; }, 16);
  enter(base_, 100, 1);
  enter(base_ + 512, 0, 1);
  const HeapSums sums = count(1);
  EXPECT_EQ(sums.touched_bytes, 100);
  EXPECT_EQ(sums.rounding_bytes, 16);
  EXPECT_EQ(sums.overhead_bytes, 32);
  EXPECT_EQ(sums.pinned_free, kPage - 148);
}

TEST_F(HeapPagesTest, NeverMoreThanThePage) {
  for (uintptr_t at = 0; at < kPage; at += 16) enter(base_ + at, 4000, 1);  // seen at many moments
  const HeapSums sums = count(2);
  EXPECT_EQ(sums.touched_bytes, kPage + 4080 + 4000 - kPage);
  EXPECT_EQ(sums.touched_bytes + sums.pinned_free, 2 * kPage);
}

TEST(MapsText, KnowsThisProcess) {
  void* mapped =
      mmap(nullptr, 8 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(mapped, MAP_FAILED);
  const auto at = reinterpret_cast<uintptr_t>(mapped);
  ASSERT_EQ(mprotect(reinterpret_cast<void*>(at + 4 * kPage), kPage, PROT_NONE), 0);
  MapsText maps;
  ASSERT_TRUE(maps.read());
  bool stack = false;
  bool program = false;
  bool open = false;
  bool closed = false;
  uintptr_t last = 0;
  for (MapEntry e; maps.next(e);) {
    EXPECT_LT(e.start, e.end);
    EXPECT_LE(last, e.start);
    last = e.end;
    stack |= e.is_named("[stack]");
    program |= std::string(e.name, e.name_length).ends_with("/preload_tests");
    open |= e.start <= at && at < e.end && e.accessible && !e.shared;
    closed |= e.start <= at + 4 * kPage && at + 4 * kPage < e.end && !e.accessible;
  }
  EXPECT_TRUE(stack && program && open && closed);
  EXPECT_FALSE(maps.cut());
  munmap(mapped, 8 * kPage);
}

TEST(PageMap, KnowsWhatIsResident) {
  auto* mapped = static_cast<char*>(
      mmap(nullptr, 4 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  ASSERT_NE(mapped, MAP_FAILED);
  madvise(mapped, 4 * kPage, MADV_NOHUGEPAGE);
  mapped[kPage] = 1;
  mapped[3 * kPage] = 1;
  uint64_t scratch[4];
  unsigned char resident[4];
  PageMap pages;
  ASSERT_TRUE(pages.residents(reinterpret_cast<uintptr_t>(mapped), 4, true, scratch, resident));
  EXPECT_EQ(std::string(resident, resident + 4), std::string("\0\1\0\1", 4));
  munmap(mapped, 4 * kPage);
}

TEST(OwnRanges, AreFoundAndForgotten) {
  void* p = own_map(16 * kPage);
  ASSERT_NE(p, nullptr);
  const auto at = reinterpret_cast<uintptr_t>(p);
  OwnRange range = next_own_range(at + 5 * kPage);
  EXPECT_LE(range.start, at);
  EXPECT_GE(range.end, at + 16 * kPage);
  own_unmap(reinterpret_cast<void*>(at + 4 * kPage), 4 * kPage);  // in the middle
  range = next_own_range(at + 4 * kPage);
  EXPECT_EQ(range.start, at + 8 * kPage);
  range = next_own_range(at);
  EXPECT_EQ(range.end, at + 4 * kPage);
  own_unmap(p, 4 * kPage);
  own_unmap(reinterpret_cast<void*>(at + 8 * kPage), 8 * kPage);
  range = next_own_range(at);
  EXPECT_TRUE(range.end == 0 || range.start >= at + 16 * kPage);
  EXPECT_FALSE(own_ranges_incomplete());
}

TEST(LiveMap, KnowsWhereBlocksEverWere) {
  const uintptr_t at = kHeap + (1ULL << 40);
  EXPECT_FALSE(live_map.ever_held(at, at + (64 << 20)));
  enter(at + (20 << 20), 100, 1);
  live_map.take(at + (20 << 20));
  EXPECT_TRUE(live_map.ever_held(at, at + (64 << 20)));
  EXPECT_TRUE(live_map.ever_held(at + (20 << 20), at + (20 << 20) + kPage));
  EXPECT_FALSE(live_map.ever_held(at, at + (19 << 20)));
}

}  // namespace
}  // namespace mla
