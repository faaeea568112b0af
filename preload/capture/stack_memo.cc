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

// Compares the first `count` checks, beginning with the innermost frame's. Index of the first that
// fails; -1 if none does. Every word was readable when it was remembered, and the stack is in use:
// the caller has found a frame further in to have the same stack pointer.
inline int32_t StackMemo::changed_check(const Check* checks, uint32_t count) {
  const Check* c = checks + count;
  const auto holds = [](const Check& check) {
    return __builtin_expect(word_at(check.address) == check.value, 1);
  };
  while (c >= checks + 4) {
    if (!holds(*--c)) return static_cast<int32_t>(c - checks);
    if (!holds(*--c)) return static_cast<int32_t>(c - checks);
    if (!holds(*--c)) return static_cast<int32_t>(c - checks);
    if (!holds(*--c)) return static_cast<int32_t>(c - checks);
  }
  while (c != checks) {
    if (!holds(*--c)) return static_cast<int32_t>(c - checks);
  }
  return -1;
}

// What has to be compared of a frame, now that the one further in is known.
inline void StackMemo::set_checks(uint32_t frame, const Walked& inner) {
  static constexpr uintptr_t kNever = 0;
  Frame& f = frames_[frame];
  const uint32_t n = frames_[frame - 1].checks;
  if (__builtin_expect((inner.step.flags & StepInfo::kSpecial) != 0, 0)) {
    // Reached by a step that is no constant: never the same.
    checks_[n] = {reinterpret_cast<uintptr_t>(&kNever), 1};
    f.checks = n + 1;
    return;
  }
  checks_[n] = {f.sp - 8, f.pc};
  checks_[n + 1] = {inner.step.fp_slot, f.fp};  // counts only where it matters
  f.checks = n + 1 + (((inner.step.flags & StepInfo::kLoadsFp) >> 1) & f.needs_fp);
}

inline StackMemo::Shortcut& StackMemo::shortcut_of(const CallContext& from) {
  return shortcuts_[((from.pc ^ from.sp >> 3) * 0x9e3779b97f4a7c15ULL) >> (64 - kShortcutBits)];
}

// Whether the stack is the shortcut's frames on top of a remembered one; then that is remembered.
// The same comparisons as for a stack that is the last one again: the innermost frame is the same,
// the return address of every other one is, and RBP where it matters. What the base's node is tells
// the return addresses of all that lies further out, and with them whether its RBP matters.
inline bool StackMemo::take_shortcut(const Shortcut& s, const CallContext& from) {
  if (s.pc != from.pc || s.sp != from.sp || s.validity != validity_) return false;
  uint32_t base = count_;
  while (frames_[base].sp < s.base_sp) --base;
  Frame& b = frames_[base];
  const Frame& leaf = s.frames[s.count - 1];
  if (b.sp != s.base_sp || b.node != s.base_node || (b.needs_fp && b.fp != s.base_fp) ||
      (leaf.needs_fp && leaf.fp != from.fp) || base + s.count > kMost) {
    return false;
  }
  const uint32_t below = frames_[base - 1].checks;
  const uint32_t checks = s.count == 1 ? s.base_checks : s.frames[s.count - 2].checks;
  if (changed_check(s.checks, checks) >= 0 || changed_check(checks_, below) >= 0) return false;
  begin_change();
  for (uint32_t i = 0; i < checks; ++i) checks_[below + i] = s.checks[i];
  b.checks = below + s.base_checks;
  for (uint32_t i = 0; i < s.count; ++i) {
    frames_[base + 1 + i] = s.frames[i];
    frames_[base + 1 + i].checks = below + s.frames[i].checks;
  }
  end_change(base + s.count);
  return true;
}

// Keeps the frames further in than `base`, all of which were found by constant steps.
inline void StackMemo::keep_shortcut(Shortcut& s, const CallContext& from, uint32_t base) const {
  const Frame& b = frames_[base];
  const uint32_t below = frames_[base - 1].checks;
  s.validity = 0;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  s.pc = from.pc;
  s.sp = from.sp;
  s.count = count_ - base;
  s.base_sp = b.sp;
  s.base_fp = b.fp;
  s.base_node = b.node;
  s.base_checks = b.checks - below;
  for (uint32_t i = 0; i < s.count; ++i) {
    s.frames[i] = frames_[base + 1 + i];
    s.frames[i].checks = i + 1 == s.count ? 0 : s.frames[i].checks - below;
  }
  const uint32_t checks = frames_[count_ - 1].checks - below;
  for (uint32_t i = 0; i < checks; ++i) s.checks[i] = checks_[below + i];
  std::atomic_signal_fence(std::memory_order_seq_cst);
  s.validity = validity_;
}

StackMemo::Frame& StackMemo::capture(const CallContext& from) {
  const uint32_t epoch = stack_memo_epoch.load(std::memory_order_relaxed);
  if (__builtin_expect(epoch != epoch_, 0)) {
    epoch_ = epoch;
    forget();
  }
  Frame& leaf = frames_[count_];
  if (leaf.pc == from.pc && leaf.sp == from.sp && (!leaf.needs_fp || leaf.fp == from.fp) &&
      changed_check(checks_, frames_[count_ - 1].checks) < 0) {
    return leaf;
  }
  return walk(from);
}

// Unwinds by rules until a remembered frame is reached whose outer part is unchanged, or the end.
StackMemo::Frame& StackMemo::walk(const CallContext& from) {
  if (__builtin_expect(reference_unwinder_forced(), 0)) return walk_without_memo(from);
  Shortcut& shortcut = shortcut_of(from);
  if (take_shortcut(shortcut, from)) return frames_[count_];
  StackReader stack(readable_);
  FrameState f = {from.pc, from.sp, from.fp, false};
  uint32_t kept = count_;  // the candidate; in the end, frames that stay
  uint32_t depth = 0;
  Step step = Step::kOk;
  for (;;) {
    if (__builtin_expect(f.pc < kLowestCode, 0)) {
      step = Step::kEnd;
      break;
    }
    while (frames_[kept].sp < f.sp) --kept;
    const Frame& known = frames_[kept];
    if (known.sp == f.sp && known.pc == f.pc && !f.exact && (!known.needs_fp || known.fp == f.fp)) {
      const int32_t changed = changed_check(checks_, frames_[kept - 1].checks);
      if (changed < 0) break;
      // On to the frame further out than the one that has changed.
      do --kept;
      while (static_cast<int32_t>(frames_[kept].checks) > changed);
    }
    if (depth == kMost) return walk_without_memo(from);
    Walked& w = walked_[depth++];
    w.pc = f.pc | (f.exact ? format::kPcExact : 0);
    w.sp = f.sp;
    w.fp = f.fp;
    step = step_by_rule(f, stack, w.step);
    if (__builtin_expect(step != Step::kOk, 0)) {
      w.step = {0, 0};
      break;
    }
  }
  uint32_t node = 0;
  if (__builtin_expect(step != Step::kOk, 0)) {
    if (step == Step::kUnsupported || depth == 0) return walk_without_memo(from);
    kept = 0;
    node = format::index(root_of(step == Step::kEnd ? StackEnd::kComplete : StackEnd::kIncomplete));
  } else {
    if (kept + depth > kMost) return walk_without_memo(from);
    node = frames_[kept].node;
  }
  const uint32_t base = kept;
  begin_change();
  const bool few = depth - 1 < Shortcut::kMost;
  uint32_t all_flags = 0;
  while (depth-- > 0) {
    const Walked& w = walked_[depth];
    const uint32_t flags = w.step.flags;
    all_flags |= flags;
    uint32_t needs_fp = flags & StepInfo::kUsesFp;
    if (__builtin_expect(kept != 0, 1)) {
      set_checks(kept, w);
      needs_fp |= frames_[kept].needs_fp & ~(flags >> 1 & 1);  // passed on untouched
    }
    node = children_.child_of(node, w.pc);
    frames_[++kept] = {w.pc, w.sp, w.fp, node, needs_fp, 0, 0};
  }
  end_change(kept);
  if (__builtin_expect((all_flags & StepInfo::kGuessed) != 0, 0)) {
    segment.count_loss(format::Loss::kStackHeuristic);
  }
  // One in four: where stacks come in no pattern, most of the work of keeping them would be in
  // vain.
  if (few && base != 0 && (all_flags & (StepInfo::kSpecial | StepInfo::kGuessed)) == 0 &&
      (shortcut.validity != validity_ || (++misses_ & 3) == 0)) {
    keep_shortcut(shortcut, from, base);
  }
  return frames_[kept];
}

#else  // no rules of this architecture are known: libunwind

StackMemo::Frame& StackMemo::capture(const CallContext& from) { return walk_without_memo(from); }

#endif

// Too deep, or with a frame that only libunwind knows: one frame stands for the whole stack, and
// matches nothing.
StackMemo::Frame& StackMemo::walk_without_memo(const CallContext& from) {
  capture_stack(from, readable_, scratch_);
  count_ = 0;
  frames_[1] = {0, 0, 0, format::index(intern_stack(scratch_)), 0, 0, 0};
  return frames_[1];
}

void StackMemo::copy_to(CapturedStack& out) const {
  if (count_ == 0) {
    out = scratch_;
    return;
  }
  out.depth = count_;
  for (uint32_t i = 0; i < count_; ++i) out.pcs[i] = frames_[count_ - i].pc;
}

}  // namespace mla
