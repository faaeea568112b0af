#include "capture/stack_capture.h"

#include "capture/reference_unwinder.h"
#include "capture/unwind_step.h"

namespace mla {

void capture_stack(const CallContext& from, ReadableRange& readable, CapturedStack& out) {
#if defined(__x86_64__)
  if (!reference_unwinder_forced()) {
    StackReader stack(readable);
    FrameState f = {from.pc, from.sp, from.fp, false};
    StepInfo info;
    out.depth = 0;
    for (;;) {
      if (f.pc < kLowestCode) {
        out.end = StackEnd::kComplete;
        return;
      }
      if (out.depth == format::kMaxStackDepth) {
        out.depth = format::kTruncatedDepth;
        out.end = StackEnd::kTruncated;
        return;
      }
      out.pcs[out.depth++] = f.pc | (f.exact ? format::kPcExact : 0);
      const Step step = step_by_rule(f, stack, info);
      if (step == Step::kOk) continue;
      if (step == Step::kUnsupported && reference_unwind(from, out)) return;
      out.end = step == Step::kEnd ? StackEnd::kComplete : StackEnd::kIncomplete;
      return;
    }
  }
#endif
  (void)readable;
  if (reference_unwind(from, out)) return;
  out.pcs[0] = from.pc;
  out.depth = 1;
  out.end = StackEnd::kIncomplete;
}

bool reference_lost_at(const CapturedStack& stack, uint32_t frame) {
#if defined(__x86_64__)
  // The first caller found so is still right: its address was read before the stack pointer was.
  for (uint32_t i = 0; i + 1 < frame && i < stack.depth; ++i) {
    const bool exact = (stack.pcs[i] & format::kPcExact) != 0;
    const uintptr_t pc = stack.pcs[i] & ~format::kPcExact;
    if (rule_cache.rule_at(pc - (exact ? 0 : 1)).kind == RuleKind::kNoInfo) return true;
  }
#endif
  (void)stack;
  (void)frame;
  return false;
}

}  // namespace mla
