#include "capture/stack_memo.h"

#include "capture/reference_unwinder.h"
#include "capture/stack_trie.h"
#include "capture/unwind_step.h"

namespace mla {

std::atomic<uint32_t> stack_memo_epoch;

#if defined(__x86_64__)

namespace {
uintptr_t word_at(uintptr_t address) { return *reinterpret_cast<const uintptr_t*>(address); }
}  // namespace

// The stack of frame `from` is compared outwards. Index of the first frame whose slot has changed,
// -1 if none has. Every slot was readable when it was remembered, and its stack is in use.
int32_t StackMemo::first_changed(int32_t from) const {
  for (int32_t i = from - 1; i >= 0; --i) {
    const Frame& f = frames_[i];
    if (__builtin_expect(f.unverifiable || word_at(f.sp - 8) != f.pc, 0)) return i;
    if (f.fp_slot != 0 && __builtin_expect(word_at(f.fp_slot) != f.fp, 0)) return i;
  }
  return -1;
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
        first_changed(static_cast<int32_t>(count_) - 1) < 0) {
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
  Step step = Step::kOk;
  for (;;) {
    if (f.pc < kLowestCode) {
      step = Step::kEnd;
      break;
    }
    while (candidate >= 0 && (candidate >= below || frames_[candidate].sp < f.sp)) --candidate;
    if (candidate >= 0) {
      const Frame& known = frames_[candidate];
      if (known.sp == f.sp && known.pc == f.pc && !f.exact && (!known.needs_fp || known.fp == f.fp)) {
        const int32_t changed = first_changed(candidate);
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
    if (step != Step::kOk) break;
  }
  if (step == Step::kUnsupported || kept + depth > kMost || depth == 0) return walk_without_memo(from);
  uint32_t node = kept == 0 ? format::index(root_of(step == Step::kEnd ? StackEnd::kComplete
                                                                       : StackEnd::kIncomplete))
                            : frames_[kept - 1].node;
  if (kept != 0) {
    Frame& outer = frames_[kept - 1];
    const Walked& inner = walked_[depth - 1];
    outer.fp_slot = inner.loads_fp && outer.needs_fp ? inner.outer_fp_slot : 0;
    outer.unverifiable = inner.special;
  }
  for (uint32_t i = depth; i-- > 0;) {
    const Walked& w = walked_[i];
    const bool outer_needs = kept != 0 && frames_[kept - 1].needs_fp;
    Frame& frame = frames_[kept++];
    node = format::index(child_node(format::NodeId{node}, w.pc));
    frame = {w.pc, w.sp, w.fp, 0, node, 0, w.uses_fp || (!w.loads_fp && outer_needs), false};
    if (i != 0) {
      const Walked& inner = walked_[i - 1];
      if (inner.loads_fp && frame.needs_fp) frame.fp_slot = inner.outer_fp_slot;
      frame.unverifiable = inner.special;
    }
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
