#include "ledger/ledger.h"

#include <gtest/gtest.h>

#include <random>

#include "ledger/diagnosis.h"

namespace mla {
namespace {

constexpr uint64_t kMiB = 1 << 20;
constexpr uint64_t kSecond = 1'000'000'000;

int64_t sum_of(const Ledger& ledger) {
  uint64_t sum = 0;
  for (const uint64_t bytes : ledger.buckets) sum += bytes;
  return static_cast<int64_t>(sum) + ledger.residual_bytes;
}

// 100 MiB of RSS: a heap of 60 with 50 in use, and some of everything else; nothing stands out.
struct Scene {
  Snapshot snapshot;
  LedgerPoint walk;

  Scene() {
    snapshot.process.allocator = "ptmalloc2";
    snapshot.nodes.resize(2);
    snapshot.modules.resize(2);
    snapshot.modules[1].path = "/usr/bin/python3.11";
    snapshot.nodes[1].module = 1;
    walk.t_ns = 10 * kSecond;
    walk.heap_map = true;
    walk.heap = 60 * kMiB;
    walk.live = 52 * kMiB;
    walk.touched = 50 * kMiB;
    walk.rounding = 2 * kMiB;
    walk.overhead = 1 * kMiB;
    walk.free_pages = 4 * kMiB;
    walk.pinned = 3 * kMiB;
    walk.mappings = 10 * kMiB;
    walk.stacks = 1 * kMiB;
    walk.files = 20 * kMiB;
    walk.shared = 2 * kMiB;
    walk.own = 6 * kMiB;
    walk.unknown = 1 * kMiB;
    walk.rss_begin = walk.rss_end = 100 * kMiB;
    snapshot.totals.live_bytes = walk.live;
  }

  // Gives so much to one figure of the walk and to RSS.
  void add(uint64_t LedgerPoint::*figure, uint64_t bytes) {
    walk.*figure += bytes;
    walk.rss_begin += bytes;
    walk.rss_end += bytes;
  }
  void add_free(uint64_t LedgerPoint::*figure, uint64_t bytes) {
    walk.*figure += bytes;
    add(&LedgerPoint::heap, bytes);
  }
  // Live bytes over 20 points of equal work.
  void live_from_to(uint64_t from, uint64_t to) {
    for (uint64_t i = 0; i < 20; ++i) {
      TimelinePoint point;
      point.t_ns = (i + 1) * kSecond / 4;
      point.alloc_bytes = (i + 1) * 100 * kMiB;
      // Every other point is in the midst of a request.
      point.live_bytes = from + (to - from) * i / 19 + (i % 2) * 20 * kMiB;
      snapshot.timeline.push_back(point);
    }
  }
  Ledger ledger(uint64_t rss = 0) {
    snapshot.ledger = {walk};
    return make_ledger(snapshot, {rss == 0 ? walk.rss_end : rss, 11 * kSecond});
  }
  Finding finding() { return diagnose(snapshot, ledger()); }
};

TEST(Ledger, EveryPartIsInItsBucket) {
  Scene scene;
  const Ledger ledger = scene.ledger();
  EXPECT_EQ(ledger.bucket(BucketKind::kLive), 50 * kMiB);
  EXPECT_EQ(ledger.bucket(BucketKind::kRounding), 2 * kMiB);
  EXPECT_EQ(ledger.bucket(BucketKind::kMetadata), 1 * kMiB);
  EXPECT_EQ(ledger.bucket(BucketKind::kPinned), 3 * kMiB);
  EXPECT_EQ(ledger.bucket(BucketKind::kFree), 4 * kMiB);
  EXPECT_EQ(ledger.bucket(BucketKind::kMappings), 10 * kMiB);
  EXPECT_EQ(ledger.bucket(BucketKind::kStacks), 1 * kMiB);
  EXPECT_EQ(ledger.bucket(BucketKind::kFiles), 20 * kMiB);
  EXPECT_EQ(ledger.bucket(BucketKind::kShared), 2 * kMiB);
  EXPECT_EQ(ledger.bucket(BucketKind::kMla), 6 * kMiB);
  EXPECT_EQ(ledger.untouched_bytes, 2 * kMiB);
  EXPECT_EQ(ledger.residual_bytes, static_cast<int64_t>(kMiB)) << "what nobody explains";
  EXPECT_FALSE(ledger.stale);
}

TEST(Ledger, MetadataOfTheAllocatorComesOutOfItsFreePages) {
  Scene scene;
  scene.walk.statistics_ns = 1;
  scene.walk.allocator.metadata = 3 * kMiB;
  const Ledger ledger = scene.ledger();
  EXPECT_EQ(ledger.bucket(BucketKind::kMetadata), 4 * kMiB);
  EXPECT_EQ(ledger.bucket(BucketKind::kFree), 1 * kMiB);
}

TEST(Ledger, WhatWasFreedSinceTheWalkIsFree) {
  Scene scene;
  scene.snapshot.totals.live_bytes = 2 * kMiB;
  const Ledger ledger = scene.ledger();
  EXPECT_TRUE(ledger.stale);
  EXPECT_LE(ledger.bucket(BucketKind::kLive), 2 * kMiB);
  EXPECT_GT(ledger.idle(), 55 * kMiB);
  EXPECT_EQ(ledger.residual_bytes, static_cast<int64_t>(kMiB));
}

TEST(Ledger, WhatRssGrewSinceTheWalkIsOfTheHeapOrOfTheMappings) {
  Scene scene;
  scene.walk.mapped = 10 * kMiB;
  scene.snapshot.totals.mapped_bytes = 14 * kMiB;
  const Ledger grown = scene.ledger(110 * kMiB);
  EXPECT_EQ(grown.bucket(BucketKind::kMappings), 14 * kMiB);
  EXPECT_EQ(grown.heap(), 66 * kMiB);
  scene.snapshot.totals.mapped_bytes = 7 * kMiB;
  const Ledger shrunk = scene.ledger(90 * kMiB);
  EXPECT_EQ(shrunk.bucket(BucketKind::kMappings), 7 * kMiB);
  EXPECT_EQ(shrunk.heap(), 53 * kMiB);
}

TEST(Ledger, SampledBlocksGiveNoHeapMap) {
  Scene scene;
  scene.walk.heap_map = false;
  scene.snapshot.totals.live_bytes = 80 * kMiB;  // an estimate may be larger than the heap
  const Ledger ledger = scene.ledger();
  EXPECT_EQ(ledger.bucket(BucketKind::kLive), 60 * kMiB);
  EXPECT_EQ(ledger.bucket(BucketKind::kPinned), 0);
  EXPECT_EQ(ledger.idle(), 0);
}

TEST(Ledger, ArenasOfPythonAreTheirOwnBucket) {
  Scene scene;
  scene.snapshot.process.python_version = "3.11.2";
  Site arenas;
  arenas.native = 1;
  arenas.mapping = true;
  arenas.alloc_count = 8;
  arenas.alloc_bytes = 8 * kMiB;
  Site other = arenas;
  other.alloc_bytes = 8 * kMiB + 4096;
  scene.snapshot.sites = {arenas, other};
  scene.snapshot.held = {{0, 0, 7 * kMiB}, {1, 0, 3 * kMiB}};
  const Ledger ledger = scene.ledger();
  EXPECT_EQ(ledger.bucket(BucketKind::kPythonArenas), 7 * kMiB);
  EXPECT_EQ(ledger.bucket(BucketKind::kMappings), 3 * kMiB);
  ASSERT_EQ(ledger.mappings.size(), 1);
  EXPECT_EQ(ledger.mappings[0].site_index, 1);
}

TEST(Ledger, ArenasOfRecordedObjectsAreLiveOrFree) {
  Scene scene;
  scene.add(&LedgerPoint::arenas, 40 * kMiB);
  scene.walk.arena_bytes = scene.snapshot.totals.arena_bytes = 48 * kMiB;
  EXPECT_EQ(scene.ledger().bucket(BucketKind::kPythonArenas), 40 * kMiB);
  scene.walk.objects = true;
  scene.walk.object_live = scene.walk.object_touched = 8 * kMiB;
  scene.walk.object_rounding = 1 * kMiB;
  scene.snapshot.totals.object_bytes = 8 * kMiB;
  scene.snapshot.totals.live_bytes += 8 * kMiB;
  const Ledger ledger = scene.ledger();
  EXPECT_EQ(ledger.bucket(BucketKind::kPythonLive), 9 * kMiB);
  EXPECT_EQ(ledger.bucket(BucketKind::kPythonFree), 31 * kMiB);
  EXPECT_EQ(ledger.bucket(BucketKind::kPythonArenas), 0);
  EXPECT_EQ(ledger.bucket(BucketKind::kLive), 50 * kMiB) << "objects are none of the heap's";
  EXPECT_EQ(ledger.residual_bytes, static_cast<int64_t>(kMiB));
  EXPECT_EQ(scene.finding().diagnosis, Diagnosis::kPythonArenas);
}

TEST(Ledger, AlwaysAddsUp) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 20'000; ++round) {
    Scene scene;
    const auto any = [&random] { return random() % (1ULL << (random() % 57)); };
    LedgerPoint& w = scene.walk;
    for (uint64_t* figure : {&w.heap,
                             &w.live,
                             &w.touched,
                             &w.rounding,
                             &w.overhead,
                             &w.free_pages,
                             &w.pinned,
                             &w.mappings,
                             &w.stacks,
                             &w.files,
                             &w.shared,
                             &w.own,
                             &w.unknown,
                             &w.rss_begin,
                             &w.rss_end,
                             &w.mapped,
                             &w.allocator.metadata,
                             &w.pinned_pages,
                             &scene.snapshot.totals.live_bytes,
                             &scene.snapshot.totals.mapped_bytes}) {
      *figure = any();
    }
    w.heap_map = random() % 2 == 0;
    w.statistics_ns = random() % 2;
    const uint64_t rss = any();
    const Ledger ledger = scene.ledger(rss + 1);
    ASSERT_EQ(sum_of(ledger), static_cast<int64_t>(rss + 1));
    ASSERT_EQ(ledger.bucket(BucketKind::kLive) + ledger.untouched_bytes <= ledger.live_requested,
              true);
  }
}

TEST(Diagnosis, NothingStandsOut) {
  Scene scene;
  scene.live_from_to(50 * kMiB, 50 * kMiB);
  const Finding finding = scene.finding();
  EXPECT_EQ(finding.diagnosis, Diagnosis::kNone);
  EXPECT_TRUE(finding.advice.empty());
}

TEST(Diagnosis, LiveGrowth) {
  Scene scene;
  scene.live_from_to(10 * kMiB, 50 * kMiB);
  scene.add_free(&LedgerPoint::free_pages, 100 * kMiB);  // growth comes first
  const Finding finding = scene.finding();
  EXPECT_EQ(finding.diagnosis, Diagnosis::kLiveGrowth);
  EXPECT_GT(finding.growth.bytes, 20 * kMiB);
  EXPECT_LT(finding.growth.bytes, 40 * kMiB) << "start-up is left out";
}

TEST(Diagnosis, WhatIsBuiltUpAtTheStartIsNoGrowth) {
  Scene scene;
  scene.live_from_to(50 * kMiB, 50 * kMiB);
  for (size_t i = 0; i < 4; ++i) scene.snapshot.timeline[i].live_bytes = i * 10 * kMiB;
  EXPECT_EQ(scene.finding().diagnosis, Diagnosis::kNone);
}

TEST(Diagnosis, WhatRisesAndFallsIsNoGrowth) {
  Scene scene;
  scene.live_from_to(10 * kMiB, 50 * kMiB);
  for (size_t i = 12; i < 15; ++i) scene.snapshot.timeline[i].live_bytes = 5 * kMiB;
  EXPECT_NE(scene.finding().diagnosis, Diagnosis::kLiveGrowth);
}

TEST(Diagnosis, WhatHasBeenFreedByNowIsNoGrowth) {
  Scene scene;
  scene.live_from_to(10 * kMiB, 50 * kMiB);
  scene.snapshot.totals.live_bytes = 12 * kMiB;
  EXPECT_NE(scene.finding().diagnosis, Diagnosis::kLiveGrowth);
}

TEST(Diagnosis, GrowingMappingsAreGrowthButForPythonsArenas) {
  Scene scene;
  scene.live_from_to(50 * kMiB, 50 * kMiB);
  for (TimelinePoint& point : scene.snapshot.timeline) {
    point.mapped_bytes = point.alloc_bytes / 10;
    scene.snapshot.totals.mapped_bytes = point.mapped_bytes;
  }
  EXPECT_EQ(scene.finding().diagnosis, Diagnosis::kLiveGrowth);
  scene.snapshot.process.python_version = "3.11.2";
  EXPECT_EQ(scene.finding().diagnosis, Diagnosis::kNone);
}

TEST(Diagnosis, Retention) {
  Scene scene;
  scene.add_free(&LedgerPoint::free_pages, 50 * kMiB);
  const Finding finding = scene.finding();
  EXPECT_EQ(finding.diagnosis, Diagnosis::kRetention);
  ASSERT_FALSE(finding.advice.empty());
  EXPECT_NE(finding.advice[0].action.find("MLA_TRIM_INTERVAL"), std::string::npos);
  scene.snapshot.process.allocator = "jemalloc";
  for (const Advice& advice : scene.finding().advice) {
    EXPECT_EQ(advice.action.find("MLA_"), std::string::npos) << advice.action;
  }
}

TEST(Diagnosis, Pinned) {
  Scene scene;
  scene.add_free(&LedgerPoint::pinned, 50 * kMiB);
  EXPECT_EQ(scene.finding().diagnosis, Diagnosis::kPinned);
}

TEST(Diagnosis, MappingsStacksAndFiles) {
  const struct {
    uint64_t LedgerPoint::*figure;
    Diagnosis diagnosis;
  } kCases[] = {{&LedgerPoint::mappings, Diagnosis::kMappings},
                {&LedgerPoint::stacks, Diagnosis::kStacks},
                {&LedgerPoint::files, Diagnosis::kFiles}};
  for (const auto& [figure, diagnosis] : kCases) {
    Scene scene;
    scene.add(figure, 150 * kMiB);
    const Finding finding = scene.finding();
    EXPECT_EQ(finding.diagnosis, diagnosis) << diagnosis_name(finding.diagnosis);
    EXPECT_FALSE(finding.advice.empty());
  }
}

TEST(Diagnosis, PythonArenas) {
  Scene scene;
  scene.snapshot.process.python_version = "3.11.2";
  Site arenas;
  arenas.native = 1;
  arenas.mapping = true;
  arenas.alloc_count = 150;
  arenas.alloc_bytes = 150 * kMiB;
  scene.snapshot.sites = {arenas};
  scene.snapshot.held = {{0, 0, 150 * kMiB}};
  scene.add(&LedgerPoint::mappings, 150 * kMiB);
  EXPECT_EQ(scene.finding().diagnosis, Diagnosis::kPythonArenas);
}

TEST(Diagnosis, MlaItselfIsNotHeldAgainstTheProgram) {
  Scene scene;
  scene.add_free(&LedgerPoint::free_pages, 30 * kMiB);
  scene.add(&LedgerPoint::own, 400 * kMiB);
  EXPECT_EQ(scene.finding().diagnosis, Diagnosis::kRetention);
}

}  // namespace
}  // namespace mla
