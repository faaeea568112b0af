#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "format/format.h"

namespace mla::format {
namespace {

TEST(TickLock, HasOneHolder) {
  std::atomic<uint64_t> word{0};
  {
    const TickLock first(word, 100);
    EXPECT_TRUE(first.held());
    const TickLock second(word, 101);
    EXPECT_FALSE(second.held());
  }
  EXPECT_EQ(word, 0U);
  const TickLock third(word, 102);
  EXPECT_TRUE(third.held());
}

TEST(TickLock, OfADeadHolderIsTakenOver) {
  std::atomic<uint64_t> word{100};
  {
    const TickLock early(word, 100 + TickLock::kStaleNs);
    EXPECT_FALSE(early.held());
    const TickLock before(word, 99);  // a clock that went backwards is no reason
    EXPECT_FALSE(before.held());
  }
  EXPECT_EQ(word, 100U);
  const TickLock late(word, 101 + TickLock::kStaleNs);
  EXPECT_TRUE(late.held());
}

TEST(TickLock, ALateHolderDoesNotReleaseTheNextOne) {
  std::atomic<uint64_t> word{0};
  std::optional<TickLock> slow(std::in_place, word, 1);
  std::optional<TickLock> next(std::in_place, word, 2 + TickLock::kStaleNs);
  EXPECT_TRUE(slow->held());
  EXPECT_TRUE(next->held());
  slow.reset();
  EXPECT_EQ(word, 2 + TickLock::kStaleNs);
  next.reset();
  EXPECT_EQ(word, 0U);
}

TEST(TickLock, OfManyThreadsOneGetsIn) {
  std::atomic<uint64_t> word{0};
  uint64_t inside = 0;  // not atomic: the lock is what keeps it whole
  std::atomic<uint64_t> entered{0};
  std::vector<std::thread> threads;
  for (uint64_t t = 1; t <= 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 20000; ++i) {
        const TickLock lock(word, t);
        if (!lock.held()) continue;
        ++inside;
        entered.fetch_add(1, std::memory_order_relaxed);
      }
    });
  }
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(inside, entered);
  EXPECT_GT(inside, 0U);
}

class Ring {
 public:
  explicit Ring(uint64_t interval) : interval_(interval) {}

  void add(uint64_t t_ns) {
    append(slots_.get(), interval_, t_ns, t_ns + 1, t_ns + 2, t_ns + 3, t_ns + 4, t_ns + 5,
           t_ns + 6, t_ns + 7);
  }
  std::vector<uint64_t> times() const {
    std::vector<uint64_t> times;
    for (uint32_t i = 0; i < kTimelineSlots; ++i) {
      if (slots_[i].t_ns != 0) times.push_back(slots_[i].t_ns);
    }
    std::sort(times.begin(), times.end());
    return times;
  }
  const TimelineRecord& slot(uint32_t i) const { return slots_[i]; }
  uint64_t interval() const { return interval_; }

 private:
  std::unique_ptr<TimelineRecord[]> slots_ = std::make_unique<TimelineRecord[]>(kTimelineSlots);
  std::atomic<uint64_t> interval_;
};

TEST(Timeline, KeepsEveryField) {
  Ring ring(10);
  ring.add(100);
  const TimelineRecord& r = ring.slot(0);
  EXPECT_EQ(r.t_ns, 100U);
  EXPECT_EQ(r.rss_bytes, 101U);
  EXPECT_EQ(r.anon_bytes, 102U);
  EXPECT_EQ(r.live_bytes, 103U);
  EXPECT_EQ(r.live_count, 104U);
  EXPECT_EQ(r.alloc_count, 105U);
  EXPECT_EQ(r.alloc_bytes, 106U);
  EXPECT_EQ(r.mapped_bytes, 107U);
}

TEST(Timeline, APointAtTimeZeroIsAPoint) {
  Ring ring(10);
  ring.add(0);
  EXPECT_EQ(ring.times(), std::vector<uint64_t>{1});
}

TEST(Timeline, HalvesItsResolutionWhenFull) {
  Ring ring(10);
  for (uint64_t i = 1; i <= kTimelineSlots; ++i) ring.add(i * 10);
  EXPECT_EQ(ring.times().size(), kTimelineSlots);
  EXPECT_EQ(ring.interval(), 10U);
  ring.add((kTimelineSlots + 1) * 10);
  EXPECT_EQ(ring.interval(), 20U);
  const std::vector<uint64_t> times = ring.times();
  ASSERT_EQ(times.size(), kTimelineSlots / 2 + 1);
  for (uint32_t i = 0; i + 1 < times.size(); ++i) EXPECT_EQ(times[i], (i + 1) * 20U);
  EXPECT_EQ(times.back(), (kTimelineSlots + 1) * 10U);
}

TEST(Timeline, CoversTheWholeRunHoweverLong) {
  Ring ring(10);
  uint64_t t = 0;
  for (int i = 0; i < 20000; ++i) ring.add(t += ring.interval());
  const std::vector<uint64_t> times = ring.times();
  EXPECT_GE(times.size(), kTimelineSlots / 2);
  EXPECT_LE(times.front(), 2 * ring.interval());
  EXPECT_EQ(times.back(), t);
  for (size_t i = 1; i < times.size(); ++i) {
    EXPECT_LE(times[i] - times[i - 1], 2 * ring.interval());
  }
}

TEST(Timeline, FindsRoomWhateverTheTimes) {
  for (const uint64_t same : {uint64_t{8}, uint64_t{1} << 40, UINT64_MAX, uint64_t{1} << 63}) {
    Ring ring(1);
    for (uint32_t i = 0; i < 3 * kTimelineSlots; ++i) ring.add(same);
    EXPECT_FALSE(ring.times().empty());
  }
  Ring zero(0);  // a damaged header
  for (uint32_t i = 1; i < 3 * kTimelineSlots; ++i) zero.add(i);
  EXPECT_FALSE(zero.times().empty());
}

}  // namespace
}  // namespace mla::format
