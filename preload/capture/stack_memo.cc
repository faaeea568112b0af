#include "capture/stack_memo.h"

#include "capture/reference_unwinder.h"
#include "capture/stack_trie.h"
#include "capture/unwind_step.h"
#include "segment/segment.h"

namespace mla {

std::atomic<uint32_t> stack_memo_epoch;

#if defined(__x86_64__)

namespace {
uintptr_t word_at(uintptr_t address) { return *reinterpret_cast<const uintptr_t*>(address); }
}  // namespace

// Compares frames 0 .. count - 1, of which the innermost is known to have the same stack pointer.
// Index of the first, going outwards, that has changed; -1 if none has. Every word was readable
// when it was remembered, and the stack is in use.
int32_t StackMemo::first_changed(uint32_t count) const {
  if (count == 0) return -1;
  uint32_t i = frames_[count - 1].checks;
  while (i-- > 0) {
    if (__builtin_expect(word_at(checks_[i].address) != checks_[i].value, 0)) {
      uint32_t frame = count - 1;
      while (frame > 0 && frames_[frame - 1].checks > i) --frame;
      return static_cast<int32_t>(frame);
    }
  }
  return -1;
}

// What has to be compared of a frame, now that the one further in is known.
void StackMemo::set_checks(uint32_t frame, const Walked& inner) {
  static constexpr uintptr_t kNever = 0;
  Frame& f = frames_[frame];
  uint32_t n = frame == 0 ? 0 : frames_[frame - 1].checks;
  if (inner.special) {  // reached by a step that is no constant: never the same
    checks_[n++] = {reinterpret_cast<uintptr_t>(&kNever), 1};
  } else {
    checks_[n++] = {f.sp - 8, f.pc};
    if (inner.loads_fp && f.needs_fp) checks_[n++] = {inner.outer_fp_slot, f.fp};
  }
  f.checks = n;
}

StackMemo::Frame& StackMemo::capture(const CallContext& from) {
  const uint32_t epoch = stack_memo_epoch.load(std::memory_order_relaxed);
  if (__builtin_expect(epoch != epoch_, 0)) {
    epoch_ = epoch;
    count_ = 0;
    readable_ = {};
  }
  if (count_ != 0) {
    Frame& leaf = frames_[count_ - 1];
    if (leaf.pc == from.pc && leaf.sp == from.sp && (!leaf.needs_fp || leaf.fp == from.fp) &&
        first_changed(count_ - 1) < 0) {
      return leaf;
    }
  }
  return walk(from);
}

// Unwinds by rules until a remembered frame is reached whose outer part is unchanged, or the end.
StackMemo::Frame& StackMemo::walk(const CallContext& from) {
  if (reference_unwinder_forced()) return walk_without_memo(from);
  StackReader stack(readable_);
  FrameState f = {from.pc, from.sp, from.fp, false};
  int32_t candidate = static_cast<int32_t>(count_) - 1;
  int32_t below = static_cast<int32_t>(count_);  // frames from here inwards have changed
  uint32_t kept = 0;
  uint32_t depth = 0;
  StepInfo info;
  bool guessed = false;
  Step step = Step::kOk;
  for (;;) {
    if (f.pc < kLowestCode) {
      step = Step::kEnd;
      break;
    }
    while (candidate >= 0 && (candidate >= below || frames_[candidate].sp < f.sp)) --candidate;
    if (candidate >= 0) {
      const Frame& known = frames_[candidate];
      if (known.sp == f.sp && known.pc == f.pc && !f.exact &&
          (!known.needs_fp || known.fp == f.fp)) {
        const int32_t changed = first_changed(static_cast<uint32_t>(candidate));
        if (changed < 0) {
          kept = static_cast<uint32_t>(candidate) + 1;
          break;
        }
        below = changed;
      }
    }
    if (depth == kMost) return walk_without_memo(from);
    Walked& w = walked_[depth++];
    w.pc = f.pc | (f.exact ? format::kPcExact : 0);
    w.sp = f.sp;
    w.fp = f.fp;
    step = step_by_rule(f, stack, info);
    w.uses_fp = info.uses_fp;
    w.loads_fp = info.loads_fp;
    w.special = info.special;
    w.outer_fp_slot = info.fp_slot;
    guessed |= info.guessed;
    if (step != Step::kOk) break;
  }
  if (step == Step::kUnsupported || kept + depth > kMost || depth == 0)
    return walk_without_memo(from);
  if (guessed) segment.count_loss(format::Loss::kStackHeuristic);
  uint32_t node =
      kept == 0
          ? format::index(root_of(step == Step::kEnd ? StackEnd::kComplete : StackEnd::kIncomplete))
          : frames_[kept - 1].node;
  for (uint32_t i = depth; i-- > 0;) {
    const Walked& w = walked_[i];
    const bool outer_needs = kept != 0 && frames_[kept - 1].needs_fp;
    if (kept != 0) set_checks(kept - 1, w);
    node = format::index(child_node(format::NodeId{node}, w.pc));
    frames_[kept++] = {w.pc, w.sp, w.fp, node, 0, 0, w.uses_fp || (!w.loads_fp && outer_needs)};
  }
  count_ = kept;
  return frames_[count_ - 1];
}

#else  // no rules of this architecture are known: libunwind

StackMemo::Frame& StackMemo::capture(const CallContext& from) { return walk_without_memo(from); }

#endif

// Too deep, or with a frame that only libunwind knows: one frame stands for the whole stack, and
// matches nothing.
StackMemo::Frame& StackMemo::walk_without_memo(const CallContext& from) {
  capture_stack(from, readable_, scratch_);
  count_ = 0;
  frames_[0] = {};
  frames_[0].node = format::index(intern_stack(scratch_));
  return frames_[0];
}

void StackMemo::copy_to(CapturedStack& out) const {
  if (count_ == 0) {
    out = scratch_;
    return;
  }
  out.depth = count_;
  for (uint32_t i = 0; i < count_; ++i) out.pcs[i] = frames_[count_ - 1 - i].pc;
}

}  // namespace mla
