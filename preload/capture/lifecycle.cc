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
constexpr uint32_t kMostSpins = 1 << 16;

enum class Fate { kUndecided, kStarted, kRefused };

Fate fate = Fate::kUndecided;
Settings settings;
bool helper;       // must prove itself worth a file
bool constructed;  // finish_start() has run
std::atomic<uint32_t> pending_lock;

// Bounded; without the lock the event is not recorded, but counted as lost.
bool lock_pending() {
  for (uint32_t spins = 0; spins < kMostSpins; ++spins) {
    uint32_t free = 0;
    if (pending_lock.compare_exchange_weak(free, 1, std::memory_order_acquire)) return true;
    if (spins > 100) sys::call(SYS_sched_yield);
  }
  // Its holder was left by a siglongjmp. Without a file there is nothing to lose but this.
  set_mode(Mode::kOff);
  return false;
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

void make_file() {
  if (segment.header().fork_depth != 0) count_inherited();
  describe_process();
  if (create_segment_file(settings) != 0) {
    set_mode(Mode::kOff);
    return;
  }
  mark_replaced_recordings(kWorthExecuted.allocations, kWorthExecuted.age_ns);
  tick_if_due(sys::now_ns(CLOCK_MONOTONIC));
  set_mode(recording_mode());
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
  Mode unset = Mode::kUnset;
  if (!control->mode.compare_exchange_strong(unset, Mode::kBecoming, std::memory_order_acquire)) {
    return;
  }
  const bool parent_stopped =
      segment.header().state.load(kRelaxed) == static_cast<uint32_t>(format::State::kStopped);
  static Segment parent;
  const bool readable = parent.take_over(segment);
  if (parent_stopped || !readable || !segment.open_private() || !segment.copy_names_of(parent)) {
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
  set_mode(Mode::kPending);
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
  if (!load_reference_unwinder(settings.reference_unwinder, often) && often) {
    add_note("libunwind.so.8 is not installed (package libunwind8): its checks were not made");
  }
  watch_thread_ends();
  watch_libc_forks(begin_libc_fork, end_libc_fork);
  constructed = true;
  if (*complaint != 0) add_note(complaint);
  if (current_mode() == Mode::kPending && !helper) make_file();
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

namespace {

// The frame that marked this thread busy is gone if a frame further out on the same stack comes by.
// On an alternate signal stack addresses say nothing.
bool was_abandoned() {
  if (reinterpret_cast<uintptr_t>(__builtin_frame_address(0)) <= thread_local_state.busy_at) {
    return false;
  }
  stack_t alternate = {};
  return sys::call(SYS_sigaltstack, 0, sys::arg(&alternate)) == 0 &&
         (alternate.ss_flags & SS_ONSTACK) == 0;
}

}  // namespace

void EventScope::enter_slowly() {
  Mode mode = current_mode();
  if (!guard_.entered() && !(was_abandoned() && guard_.take_over())) {
    if (is_recording(mode) && !thread_local_state.calling_out) {
      segment.count_loss(Loss::kReentrant);
    }
    return;
  }
  if (mode == Mode::kUnset && fate == Fate::kStarted) {
    become_child();
    mode = current_mode();
  }
  if (mode != Mode::kPending) {
    entered_ = is_recording(mode);
    return;
  }
  locked_ = entered_ = lock_pending();
  if (!locked_) segment.count_loss(Loss::kReentrant);
}

void EventScope::leave_pending() {
  // Before the constructor ran only private memory is used: the loader is at work.
  if (current_mode() == Mode::kPending && constructed && worth_a_file()) make_file();
  pending_lock.store(0, std::memory_order_release);
}

}  // namespace mla
