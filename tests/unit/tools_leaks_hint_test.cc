// When `mla leaks` advises to record Python's objects.
#include <gtest/gtest.h>

#include "leaks_hint.h"

namespace mla {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;
constexpr uint64_t kMiB = 1 << 20;

// 80 s of Python whose arenas hold 1 MiB at its start, 5 MiB after two seconds, and grow by
// `later_mib` from then on.
Snapshot recorded(uint64_t later_mib) {
  Snapshot snapshot;
  snapshot.process.python_mode = "frames";
  snapshot.status = ProcessStatus::kExited;
  snapshot.last_ns = 80 * kSecond;
  for (uint64_t t = 0; t <= 80; t += 2) {
    TimelinePoint point;
    point.t_ns = t * kSecond;
    point.rss_bytes = 100 * kMiB;
    point.alloc_count = 1000 * t;
    snapshot.timeline.push_back(point);
    LedgerPoint ledger;
    ledger.t_ns = t * kSecond;
    ledger.arena_bytes = t == 0 ? kMiB : 5 * kMiB + t * later_mib * kMiB / 80;
    snapshot.ledger.push_back(ledger);
  }
  return snapshot;
}

ProcessVerdict judged(VerdictClass verdict) {
  ProcessVerdict result;
  result.process.verdict = verdict;
  result.process.n_eff = 30;
  result.process.growth_bytes = 40 * kMiB;
  return result;
}

TEST(LeaksHint, ArenasThatMakeUpAShareOfTheLeak) {
  const std::string hint = next_step(recorded(20), judged(VerdictClass::kLeak));
  EXPECT_NE(hint.find("arenas grew by"), std::string::npos) << hint;
  EXPECT_NE(hint.find("mla run --python objects"), std::string::npos) << hint;
}

TEST(LeaksHint, NothingOfArenasThatGrewWhileTheProgramStarted) {
  EXPECT_EQ(next_step(recorded(0), judged(VerdictClass::kLeak)), "");
  EXPECT_EQ(next_step(recorded(2), judged(VerdictClass::kLeak)), "") << "a twentieth";
  EXPECT_EQ(next_step(recorded(2), judged(VerdictClass::kRetention)), "");
}

TEST(LeaksHint, NothingWhereNothingIsOpen) {
  EXPECT_EQ(next_step(recorded(20), judged(VerdictClass::kStable)), "");
  Snapshot objects = recorded(20);
  objects.process.python_mode = "objects";
  EXPECT_EQ(next_step(objects, judged(VerdictClass::kLeak)), "");
}

TEST(LeaksHint, WhereNothingIsKnown) {
  ProcessVerdict unknown = judged(VerdictClass::kInsufficient);
  unknown.process.n_eff = 0;
  const std::string hint = next_step(recorded(0), unknown);
  EXPECT_NE(hint.find("arenas grew by 4.0 MiB"), std::string::npos) << hint;
}

}  // namespace
}  // namespace mla
