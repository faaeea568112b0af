#include "capture/ledger.h"

#include "capture/allocator_service.h"
#include "capture/ledger_walk.h"
#include "capture/lifecycle.h"
#include "capture/signals_held.h"
#include "segment/own_memory.h"
#include "segment/segment.h"
#include "segment/segment_file.h"
#include "segment/settings.h"
#include "segment/sys.h"

namespace mla {

namespace {

using format::AllocatorStatistics;
using format::LedgerDetail;
using format::LedgerFlag;
using format::LedgerRecord;
using format::Request;
using format::SegmentHeader;

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr uint64_t kMs = 1'000'000;
constexpr uint64_t kSliceNs = 300'000;
constexpr uint64_t kSliceShare = 20;
constexpr uint64_t kSliceShareAsked = 1;  // someone waits
constexpr uint64_t kFirstWalkAfter = 50 * kMs;
constexpr uint64_t kWalkShare = 200;
constexpr uint64_t kWalkShareAfterChange = 40;
constexpr uint64_t kLeastBetweenWalks = 1000 * kMs;
constexpr uint64_t kLeastAfterChange = 250 * kMs;
constexpr uint64_t kBigChange = 8 << 20;
constexpr uint64_t kExitNs = 10 * kMs;
constexpr uint64_t kStatisticsShare = 1000;
constexpr uint64_t kChunkNs = 100;  // to look at a free chunk that is not in the cache
constexpr uint64_t kMostChunkNs = kMs;
constexpr uint64_t kMostChunkNsAsked = 20 * kMs;

// Of one walk: private memory, for whichever thread comes by.
struct Work {
  LedgerWalk walk;
  bool walking;
  bool asked;
  uint64_t started_ns;
  uint64_t rss_begin;
  uint64_t cost_ns;
  uint64_t slices;
  uint64_t longest_ns;
  uint32_t next_detail;
  uint64_t live_at_walk;
  // The allocator's figures, as last read.
  AllocatorStatistics statistics;
  uint64_t statistics_ns;
  uint64_t statistics_cost_ns;
  uint64_t freed_at_statistics;
};

Work* work;
// Not a lock: who does not get it leaves. A holder that never comes back (killed threads do not
// exist, a siglongjmp is held off) would only end the ledger.
std::atomic<uint32_t> busy;
std::atomic<uint64_t> next_slice_ns;
std::atomic<uint64_t> next_after_change_ns;
uint64_t trim_interval_ns;
std::atomic<uint64_t> next_trim_ns;

uint64_t since_start(uint64_t now) { return now - segment.header().start_monotonic_ns; }

uint64_t freed_count() {
  const SegmentHeader& h = segment.header();
  return h.alloc_count.load(kRelaxed) - h.live_count.load(kRelaxed);
}

// What is free was freed since: no more chunks to walk than those of the last time and these.
bool statistics_are_cheap(uint64_t now) {
  const uint64_t most = work->asked ? kMostChunkNsAsked : kMostChunkNs;
  if (allocator_service.statistics_walk_chunks) {
    return work->statistics_cost_ns + (freed_count() - work->freed_at_statistics) * kChunkNs <=
           most;
  }
  return work->statistics_ns == 0 ||
         now - work->statistics_ns >= work->statistics_cost_ns * kStatisticsShare || work->asked;
}

void read_statistics() {
  const uint64_t begin = sys::now_ns(CLOCK_MONOTONIC);
  if (allocator_service.read_statistics == nullptr || !may_ask_allocator() ||
      !statistics_are_cheap(begin)) {
    return;
  }
  work->statistics = {};
  {
    const AllocatorQuestion question;
    allocator_service.read_statistics(work->statistics);
  }
  work->statistics_ns = sys::now_ns(CLOCK_MONOTONIC);
  work->statistics_cost_ns = work->statistics_ns - begin;
  work->freed_at_statistics = freed_count();
}

void trim(uint64_t now) {
  if (allocator_service.trim == nullptr || !may_ask_allocator()) return;
  SegmentHeader& h = segment.header();
  const uint64_t before = read_resident_memory().rss;
  {
    const AllocatorQuestion question;
    allocator_service.trim();
  }
  h.trim_rss_before.store(before, kRelaxed);
  h.trim_rss_after.store(read_resident_memory().rss, kRelaxed);
  const uint64_t end = sys::now_ns(CLOCK_MONOTONIC);
  h.trim_took_ns.store(end - now, kRelaxed);
  h.trim_ns.store(since_start(end), kRelaxed);
  h.trim_count.fetch_add(1, std::memory_order_release);  // acquired by who asked
}

bool begin_walk(uint64_t now, bool asked) {
  if (!work->walk.begin()) return false;
  work->walking = true;
  work->asked = asked;
  work->started_ns = now;
  work->rss_begin = read_resident_memory().rss;
  work->cost_ns = work->slices = work->longest_ns = 0;
  work->live_at_walk = segment.header().live_bytes.load(kRelaxed);
  return true;
}

void publish(uint64_t now) {
  SegmentHeader& h = segment.header();
  format::LedgerPart& part = segment.ledger();
  const uint64_t t = since_start(now);
  LedgerDetail& detail = part.detail[work->next_detail];
  detail.t_ns.store(0, kRelaxed);
  std::atomic_thread_fence(std::memory_order_release);  // before what is stored next
  LedgerRecord& record =
      format::claim_slot(part.record, format::kLedgerSlots, h.ledger_interval_ns);
  work->walk.store(record, detail);
  record.started_ns = since_start(work->started_ns);
  record.cost_ns = work->cost_ns;
  record.slices = work->slices;
  record.longest_ns = work->longest_ns;
  record.detail = work->next_detail + 1;
  record.rss_begin = work->rss_begin;
  record.rss_end = read_resident_memory().rss;
  record.mapped_bytes = h.mapped_bytes.load(kRelaxed);
  record.object_bytes = h.object_bytes.load(kRelaxed);
  record.allocator = work->statistics;
  record.statistics_cost_ns = work->statistics_cost_ns;
  record.statistics_ns = work->statistics_ns == 0 ? 0 : since_start(work->statistics_ns);
  if (work->statistics_ns != 0) record.flags |= static_cast<uint64_t>(LedgerFlag::kStatistics);
  detail.t_ns.store(t, std::memory_order_release);  // both acquired by the reader
  record.t_ns.store(t, std::memory_order_release);
  work->next_detail ^= 1;
}

void end_walk(uint64_t now) {
  read_statistics();
  publish(now);
  work->walk.drop();
  work->walking = work->asked = false;
  const uint64_t rest = work->cost_ns * kWalkShare;
  const uint64_t soon = work->cost_ns * kWalkShareAfterChange;
  next_slice_ns.store(now + (rest > kLeastBetweenWalks ? rest : kLeastBetweenWalks), kRelaxed);
  next_after_change_ns.store(now + (soon > kLeastAfterChange ? soon : kLeastAfterChange), kRelaxed);
}

// One slice. `budget_ns`: about how long it may take.
void go_on(uint64_t now, uint64_t budget_ns, bool asked) {
  // CPU time: a thread that loses its processor in a slice holds nobody up but itself.
  const uint64_t begin = sys::now_ns(CLOCK_THREAD_CPUTIME_ID);
  if (!work->walking && !begin_walk(now, asked)) {
    next_slice_ns.store(now + 60'000 * kMs, kRelaxed);  // no /proc
    return;
  }
  work->asked |= asked;
  const bool done = work->walk.step(budget_ns);
  const uint64_t end = sys::now_ns(CLOCK_MONOTONIC);
  const uint64_t took = sys::now_ns(CLOCK_THREAD_CPUTIME_ID) - begin;
  work->cost_ns += took;
  ++work->slices;
  if (took > work->longest_ns) work->longest_ns = took;
  if (done) {
    end_walk(end);
  } else {
    next_slice_ns.store(end + took * (work->asked ? kSliceShareAsked : kSliceShare), kRelaxed);
  }
}

// After a large change of what is alive the last walk says little.
bool changed_much() {
  const uint64_t live = segment.header().live_bytes.load(kRelaxed);
  const uint64_t then = work == nullptr ? 0 : work->live_at_walk;
  const uint64_t change = live > then ? live - then : then - live;
  return change > kBigChange && change > then / 4;
}

bool take_up() {
  uint32_t free = 0;
  if (!busy.compare_exchange_strong(free, 1, std::memory_order_acquire)) return false;
  if (work == nullptr) work = static_cast<Work*>(own_map(sizeof(Work)));
  if (work != nullptr) return true;
  busy.store(0, std::memory_order_release);
  return false;
}

constexpr uint64_t kFreshWalkNs = 2'000'000'000;
constexpr uint64_t kRequests =
    static_cast<uint64_t>(Request::kLedger) | static_cast<uint64_t>(Request::kTrim);

bool requested() { return (segment.header().request.load(kRelaxed) & kRequests) != 0; }

void do_requests(uint64_t now, bool& asked) {
  SegmentHeader& h = segment.header();
  if (!requested()) return;
  const uint64_t request = h.request.fetch_and(~kRequests, std::memory_order_acq_rel);
  const auto wants = [request](Request r) { return (request & static_cast<uint64_t>(r)) != 0; };
  asked = wants(Request::kLedger);
  if (wants(Request::kTrim)) {
    if (may_ask_allocator()) {
      trim(now);
    } else if (may_ever_ask_allocator()) {  // the next tick may be in a better place
      h.request.fetch_or(static_cast<uint64_t>(Request::kTrim), kRelaxed);
    }
  }
  // What was seen so far is too old; but who asks again and again is to see the end of a walk.
  if (asked && now - work->started_ns > kFreshWalkNs) work->walking = false;
}

}  // namespace

void start_ledger(const Settings& settings) {
  const uint64_t now = segment.header().start_monotonic_ns;
  next_slice_ns.store(now + kFirstWalkAfter, kRelaxed);
  next_after_change_ns.store(now + kFirstWalkAfter, kRelaxed);
  trim_interval_ns = settings.trim_interval_ns;
  next_trim_ns.store(trim_interval_ns == 0 ? ~uint64_t{0} : now + trim_interval_ns, kRelaxed);
}

void ledger_if_due(uint64_t about_now) {
  const bool trim_due = about_now >= next_trim_ns.load(kRelaxed);
  const bool walk_due = about_now >= next_slice_ns.load(kRelaxed) ||
                        (about_now >= next_after_change_ns.load(kRelaxed) && changed_much());
  if (__builtin_expect(!trim_due && !walk_due && !requested(), 1)) return;
  if (!is_recording(current_mode()) || busy.load(kRelaxed) != 0) return;
  const SignalsHeld held;
  if (!take_up()) return;
  const uint64_t now = sys::now_ns(CLOCK_MONOTONIC);
  bool asked = false;
  do_requests(now, asked);
  if (now >= next_trim_ns.load(kRelaxed)) {
    // Not every place is a good one to ask from; in most processes the next tick is.
    constexpr uint64_t kRetry = 10 * kMs;
    const bool may_ask = may_ask_allocator();
    next_trim_ns.store(now + (may_ask ? trim_interval_ns : kRetry), kRelaxed);
    if (may_ask) trim(now);
  }
  if (walk_due || asked) go_on(sys::now_ns(CLOCK_MONOTONIC), kSliceNs, asked);
  busy.store(0, std::memory_order_release);
}

void ledger_at_exit() {
  const SignalsHeld held;
  if (!take_up()) return;
  const uint64_t now = sys::now_ns(CLOCK_MONOTONIC);
  work->walking = false;
  // The allocator is not asked any more: its own end may have come.
  if (begin_walk(now, false) && work->walk.step(kExitNs)) {
    const uint64_t end = sys::now_ns(CLOCK_MONOTONIC);
    work->cost_ns = work->longest_ns = end - now;
    work->slices = 1;
    publish(end);
  }
  work->walking = false;
  busy.store(0, std::memory_order_release);
}

void reset_ledger_after_fork() {
  const uint64_t now = segment.header().start_monotonic_ns;
  if (work != nullptr) {
    work->walking = work->asked = false;
    work->statistics_ns = 0;
    work->live_at_walk = 0;
  }
  busy.store(0, kRelaxed);
  next_slice_ns.store(now + kFirstWalkAfter, kRelaxed);
  next_after_change_ns.store(now + kFirstWalkAfter, kRelaxed);
  if (trim_interval_ns != 0) next_trim_ns.store(now + trim_interval_ns, kRelaxed);
}

}  // namespace mla
