#include "capture/lifecycle.h"

#include <signal.h>

#include "capture/allocator_service.h"
#include "capture/arenas.h"
#include "capture/census.h"
#include "capture/ledger.h"
#include "capture/live_map.h"
#include "capture/mappings.h"
#include "capture/peak.h"
#include "capture/python_stack.h"
#include "capture/reference_unwinder.h"
#include "capture/rule_cache.h"
#include "capture/sampler.h"
#include "capture/shard.h"
#include "capture/sites.h"
#include "capture/stack_trie.h"
#include "capture/thread_local.h"
#include "capture/ticks.h"
#include "capture/unwind_step.h"
#include "segment/control.h"
#include "segment/own_memory.h"
#include "segment/segment.h"
#include "segment/segment_file.h"
#include "segment/sys.h"
#include "segment/text.h"

namespace mla {

uint32_t generation;
uint32_t unwind_check_interval;
uint64_t pending_allocations;
uint64_t pending_bytes;

namespace {

using format::InheritedRecord;
using format::Loss;
using format::Table;

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr uint32_t kSpinsBeforeYield = 100;
constexpr uint64_t kLongestWaitNs = 200'000'000;

enum class Fate { kUndecided, kStarted, kRefused };

Fate fate = Fate::kUndecided;
Settings settings;
bool helper;                    // must prove itself worth a file
std::atomic<bool> constructed;  // finish_start() has run
std::atomic<uint32_t> pending_lock;
std::atomic<uint32_t> pending_turns;    // how often the lock was given back
std::atomic<uint32_t> too_long_a_turn;  // this many and one: waited for in vain

// Without the lock the event is not recorded, but counted as lost. Its holder may be reading unwind
// tables from a disk, or making the file, or have no processor; or it was left by a siglongjmp, and
// the lock is never given back. So a turn is waited for only so long, and by no thread again.
bool lock_pending() {
  uint32_t turns = pending_turns.load(kRelaxed);
  uint64_t began = 0;
  for (uint32_t spins = 0;; ++spins) {
    uint32_t free = pending_lock.load(kRelaxed);
    if (free == 0 && pending_lock.compare_exchange_strong(free, 1, std::memory_order_acquire)) {
      return true;
    }
    if (too_long_a_turn.load(kRelaxed) == turns + 1) return false;
    if (spins <= kSpinsBeforeYield) continue;
    sys::call(SYS_sched_yield);
    const uint64_t now = sys::now_ns(CLOCK_MONOTONIC);
    const uint32_t turns_now = pending_turns.load(kRelaxed);
    if (began == 0 || turns_now != turns) {
      turns = turns_now;
      began = now;
    }
    if (now - began < kLongestWaitNs) continue;
    too_long_a_turn.store(turns + 1, kRelaxed);
    return false;
  }
}
void unlock_pending() {
  pending_turns.fetch_add(1, kRelaxed);
  pending_lock.store(0, std::memory_order_release);
}

// What a forked child got from its parent: the blocks of other generations in its own copies of the
// tables, which are those of the instant of the fork, and what it has freed of them since.
void count_inherited() {
  const auto add = [](const LiveBlock& block) {
    const uint64_t site = format::index(block.site);
    if (block.generation == generation || !segment.ensure(Table::kInherited, site)) return;
    InheritedRecord* r = segment.record<InheritedRecord>(Table::kInherited, site);
    bump(r->live_count, block.blocks);
    bump(r->live_bytes, block.bytes);
    if (block.kind == BlockKind::kObject)
      segment.header().object_bytes.fetch_add(block.bytes, kRelaxed);
  };
  live_map.for_each(add);
  object_map.for_each([&](LiveBlock block) {
    block.kind = BlockKind::kObject;
    add(block);
  });
  sample_table.for_each([&](const SampledBlock& b) {
    add({b.site, b.weight.bytes, b.generation, true, b.weight.blocks, b.weight.variance, b.kind});
  });
  mapping_table.for_each([&](const Mapping& m) { add({m.site, m.end - m.start, m.generation}); });
  const uint64_t sites =
      segment.header().claimed[static_cast<uint32_t>(Table::kSites)].load(kRelaxed);
  for (uint64_t site = 1; site < sites; ++site) {
    InheritedRecord* r = segment.record<InheritedRecord>(Table::kInherited, site);
    if (r == nullptr) continue;
    bump(r->live_count, r->freed_count.load(kRelaxed));
    bump(r->live_bytes, r->freed_bytes.load(kRelaxed));
  }
}

// With the pending lock.
void make_file() {
  if (segment.header().fork_depth != 0) count_inherited();
  describe_process();
  if (create_segment_file(settings) != 0) {
    set_mode(Mode::kOff);
    return;
  }
  if (current_mode() == Mode::kPending) {
    mark_replaced_recordings(kWorthExecuted.allocations, kWorthExecuted.age_ns);
    tick_if_due(sys::now_ns(CLOCK_MONOTONIC));
    if (change_mode(Mode::kPending, recording_mode())) return;
  }
  // Another thread could not wait for the file: it is about to install a filter.
  segment.stop(format::StopReason::kSeccomp, 0);
}

void describe_parent(const Segment& parent) {
  format::SegmentHeader& h = segment.header();
  const format::SegmentHeader& from = parent.header();
  h.fork_depth = from.fork_depth + 1;
  h.parent_pid = from.pid;
  h.parent_recorded = 1;
  h.allocator.store(from.allocator.load(kRelaxed), kRelaxed);
  h.allocator_version.store(from.allocator_version.load(kRelaxed), kRelaxed);
  h.allocator_path.store(from.allocator_path.load(kRelaxed), kRelaxed);
  h.python_version.store(from.python_version.load(kRelaxed), kRelaxed);
  h.python.store(from.python.load(kRelaxed), kRelaxed);
  h.note.store(from.note.load(kRelaxed), kRelaxed);
  h.sampling_interval.store(from.sampling_interval.load(kRelaxed), kRelaxed);
  h.ever_sampled.store(from.ever_sampled.load(kRelaxed), kRelaxed);
  h.budget_ppm = from.budget_ppm;
  h.settings.store(from.settings.load(kRelaxed), kRelaxed);
  h.parent_segment.store(segment.store_string(parent.path(), text_length(parent.path())), kRelaxed);
}

// The first event of a forked child; its other threads, if it has made any, wait for nothing and
// forward. Pages of the parent's private memory are copies; its segment is still shared with it and
// must not be written.
void become_child() {
  if (!change_mode(Mode::kUnset, Mode::kBecoming)) return;
  const bool parent_stopped =
      segment.header().state.load(kRelaxed) == static_cast<uint32_t>(format::State::kStopped);
  static Segment parent;
  // A parent may have stopped before a filter of system calls, which is in force here, too.
  if (parent_stopped || !parent.take_over(segment) || !segment.open_private() ||
      !segment.copy_names_of(parent)) {
    fate = Fate::kRefused;
    set_mode(Mode::kOff);
    return;
  }
  describe_parent(parent);
  parent.unmap();
  // Another thread of the parent may have been inside libunwind, holding its lock for ever.
  if (reset_shards_after_fork()) drop_reference_unwinder();
  reset_trie_after_fork();
  reset_sites_after_fork();
  if (const PythonReader* python = python_reader.load(kRelaxed)) python->reset_after_fork();
  rule_cache.reset_after_fork();
  reset_own_ranges_after_fork();
  reset_allocator_service_after_fork();
  reset_peak_after_fork();
  reset_ticks_after_fork();
  if (!mapping_table.reset_after_fork()) segment.count_loss(Loss::kNoMapping);
  reservation_table.reset_after_fork();
  reset_arenas_after_fork();
  reset_sampler_after_fork();
  if (++generation == LiveMap::kGenerations) {
    live_map.forget_generations();
    object_map.forget_generations();
    mapping_table.forget_generations();
    sample_table.forget_generations();
    generation = 1;
  }
  helper = true;
  pending_allocations = pending_bytes = 0;
  pending_lock.store(0, kRelaxed);
  too_long_a_turn.store(0, kRelaxed);
  change_mode(Mode::kBecoming, Mode::kPending);
}

bool worth_a_file() {
  const Worth& worth = segment.header().fork_depth == 0 ? kWorthExecuted : kWorthForked;
  return !helper || pending_allocations >= worth.allocations || pending_bytes >= worth.bytes ||
         segment.since_start_ns() >= worth.age_ns;
}

}  // namespace

void start_recording(char** environment, const Settings& chosen, uint32_t smallest_spacing) {
  if (fate != Fate::kUndecided) return;
  fate = Fate::kRefused;
  settings = chosen;
  unwind_check_interval = chosen.unwind_check;
  if (!map_control_page()) return;
  set_mode(Mode::kOff);
  if (!segment.open_private() || !open_stack_trie()) return;
  live_map.configure(smallest_spacing);
  start_sampling(settings);
  start_ledger(settings);
  start_cohorts();
  store_settings(environment);
  // With libmla in our own LD_PRELOAD but not in the parent's, someone started us to be recorded.
  // Otherwise (also with a system-wide /etc/ld.so.preload) this may be anyone's short helper.
  const char* preload = find_variable(environment, "LD_PRELOAD");
  const bool asked_for = preload != nullptr && preloads_mla(preload, text_length(preload));
  const uint32_t parent_pid = segment.header().parent_pid;
  const bool by_recorded_parent = parent_is_preloaded(parent_pid);
  segment.header().parent_recorded = by_recorded_parent;
  helper = !asked_for || by_recorded_parent;
  fate = Fate::kStarted;
  set_mode(Mode::kPending);
}

void finish_start(const char* complaint) {
  if (fate != Fate::kStarted) return;
  ReentryGuard guard;
  const bool often = settings.reference_unwinder || settings.unwind_check != 0 || !kHasUnwindRules;
  const bool wanted = often || !calls_are_filtered();
  if (wanted && !load_reference_unwinder(settings.reference_unwinder, often) && often) {
    add_note("libunwind.so.8 is not installed (package libunwind8): its checks were not made");
  }
  watch_thread_ends();
  watch_libc_forks(begin_libc_fork, end_libc_fork);
  if (*complaint != 0) add_note(complaint);
  // Constructors of libraries may have started threads, any of which makes the file from now on.
  constructed.store(true, std::memory_order_release);
  if (current_mode() == Mode::kPending && !helper && lock_pending()) {
    if (current_mode() == Mode::kPending) make_file();
    unlock_pending();
  }
}

void refuse_recording() {
  fate = Fate::kRefused;
  set_mode(Mode::kOff);
}

bool recording_started() { return fate == Fate::kStarted; }

void describe_allocator(const char* name, const char* version, const char* path) {
  if (fate != Fate::kStarted) return;
  format::SegmentHeader& h = segment.header();
  const auto store = [](format::StringRef& field, const char* s) {
    if (s != nullptr)
      field.store(segment.store_string(s, text_length(s)), std::memory_order_release);
  };
  store(h.allocator, name);
  store(h.allocator_version, version);
  store(h.allocator_path, path);
}

void describe_python(const char* version) {
  if (fate != Fate::kStarted) return;
  segment.header().python_version.store(segment.store_string(version, text_length(version)),
                                        std::memory_order_release);
}

void note_exit(int code, bool code_known) {
  ReentryGuard guard;
  if (!guard.entered() || fate != Fate::kStarted || !is_recording(current_mode())) return;
  if (sys::getpid() != segment.header().pid) return;  // a vfork child, in its parent's memory
  if (thread_local_state.shard != nullptr) {
    refresh_totals(*thread_local_state.shard);
    refresh_thread_name(*thread_local_state.shard, sys::now_ns(CLOCK_MONOTONIC));
  }
  tick_at_exit();
  format::SegmentHeader& h = segment.header();
  if (code_known) h.exit_code.store(code, kRelaxed);
  h.stop_ns.store(segment.since_start_ns(), kRelaxed);
  h.state.store(static_cast<uint32_t>(format::State::kExited), std::memory_order_release);
}

void stop_before_filter() {
  ReentryGuard guard;
  if (fate != Fate::kStarted || current_mode() == Mode::kOff) return;
  // Another thread may be making the file, or a child of the process.
  const bool waited = current_mode() == Mode::kPending && guard.entered() && lock_pending();
  const Mode mode = current_mode();
  if (!is_recording(mode)) {
    fate = Fate::kRefused;
    // In a forked child that has not noticed the segment is its parent's.
    if (mode != Mode::kUnset) set_mode(Mode::kOff);
  } else {
    // A vfork child is in its parent's memory: the parent's recording ends, too, for there is none
    // but the parent's to end.
    if (guard.entered() && sys::getpid() == segment.header().pid) {
      if (thread_local_state.shard != nullptr) refresh_totals(*thread_local_state.shard);
      tick_at_exit();
    }
    segment.stop(format::StopReason::kSeccomp, 0);
  }
  if (waited) unlock_pending();
}

namespace {

// The frame that marked this thread busy is gone if one that begins no lower on the same stack
// comes by: the same function called again from the same place, at the latest. On an alternate
// signal stack addresses say nothing.
bool was_abandoned(uintptr_t here) {
  if (here < thread_local_state.busy_at) return false;
  stack_t alternate = {};
  return sys::call(SYS_sigaltstack, 0, sys::arg(&alternate)) == 0 &&
         (alternate.ss_flags & SS_ONSTACK) == 0;
}

}  // namespace

void EventScope::enter_slowly(uintptr_t here) {
  Mode mode = current_mode();
  // Perhaps under a filter: no system call any more.
  if (mode == Mode::kOff || (mode == Mode::kUnset && fate != Fate::kStarted)) return;
  if (!guard_.entered() && !(was_abandoned(here) && guard_.take_over(here))) {
    if (is_recording(mode) && !thread_local_state.calling_out) {
      segment.count_loss(Loss::kReentrant);
    }
    return;
  }
  if (mode == Mode::kUnset && fate == Fate::kStarted) {
    become_child();
    mode = current_mode();
  }
  if (mode == Mode::kPending) {
    if (!lock_pending()) return segment.count_loss(Loss::kReentrant);
    mode = current_mode();  // who had the lock may have made the file, or failed to
    if (mode == Mode::kPending) {
      locked_ = entered_ = true;
      return;
    }
    unlock_pending();
  }
  entered_ = is_recording(mode);
}

void EventScope::leave_pending() {
  // Before the constructor ran only private memory is used: the loader is at work.
  if (current_mode() == Mode::kPending && constructed.load(std::memory_order_acquire) &&
      worth_a_file())
    make_file();
  unlock_pending();
}

}  // namespace mla
