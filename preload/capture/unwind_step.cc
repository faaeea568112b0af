#include "capture/unwind_step.h"

extern "C" void* __libc_stack_end;  // of the loader: where the kernel put the stack pointer

namespace mla {

#if defined(__x86_64__)

namespace {

Step step_out_of_signal(FrameState& f, StackReader& stack) {
  // ucontext_t right above the handler's caller: rt_sigframe of the x86-64 kernel.
  constexpr uintptr_t kRegisters = 40;
  constexpr uintptr_t kFp = kRegisters + 10 * 8;
  constexpr uintptr_t kSp = kRegisters + 15 * 8;
  constexpr uintptr_t kPc = kRegisters + 16 * 8;
  FrameState next = {0, 0, 0, true};
  if (!stack.read(f.sp + kPc, next.pc) || !stack.read(f.sp + kSp, next.sp) ||
      !stack.read(f.sp + kFp, next.fp)) {
    return Step::kBroken;
  }
  f = next;
  return Step::kOk;
}

// A realigned stack: where the frame begins, and its caller's RBP, lie below RBP.
Step step_out_of_realigned(const UnwindRule& rule, FrameState& f, StackReader& stack) {
  FrameState next = {0, 0, 0, false};
  if (!stack.read(f.fp + static_cast<intptr_t>(rule.cfa_offset), next.sp) || next.sp <= f.sp ||
      (next.sp & 7) != 0 || !stack.read(f.fp, next.fp) || !stack.read(next.sp - 8, next.pc)) {
    return Step::kBroken;
  }
  f = next;
  return Step::kOk;
}

// Code without unwind information.
Step step_out_of_unknown(FrameState& f, StackReader& stack, StepInfo& info) {
  // The loader's entry point has no rule; its stack pointer is the initial one, but for alignment.
  constexpr uintptr_t kAlignment = 64;
  const uintptr_t start = reinterpret_cast<uintptr_t>(__libc_stack_end);
  if (f.sp <= start && start - f.sp < kAlignment) return Step::kEnd;
  // A return address that is the start of a function was put there by makecontext.
  if (!f.exact && rule_cache.rule_at(f.pc).kind != RuleKind::kNoInfo) return Step::kEnd;
  // JIT code and assembler mostly keep a frame pointer: followed as libunwind follows it, if it
  // points a little above the frame.
  constexpr uintptr_t kFarthest = 0x4000;
  if (f.fp < f.sp || f.fp - f.sp > kFarthest || (f.fp & 7) != 0) return Step::kBroken;
  FrameState next = {0, f.fp + 16, 0, false};
  if (!stack.read(f.fp, next.fp) || !stack.read(f.fp + 8, next.pc)) return Step::kBroken;
  info = {StepInfo::kUsesFp | StepInfo::kLoadsFp | StepInfo::kGuessed, f.fp};
  f = next;
  return Step::kOk;
}

}  // namespace

Step step_specially(const UnwindRule& rule, FrameState& f, StackReader& stack, StepInfo& info) {
  switch (rule.kind) {
    case RuleKind::kCfaFromFpSlot:
      info = {StepInfo::kUsesFp | StepInfo::kLoadsFp | StepInfo::kSpecial, f.fp};
      return step_out_of_realigned(rule, f, stack);
    case RuleKind::kSignal:
      info = {StepInfo::kSpecial, 0};
      return step_out_of_signal(f, stack);
    case RuleKind::kEnd:
      info = {0, 0};
      return Step::kEnd;
    case RuleKind::kUnsupported:
      info = {0, 0};
      return Step::kUnsupported;
    default:
      info = {0, 0};
      return step_out_of_unknown(f, stack, info);
  }
}

#endif

}  // namespace mla
