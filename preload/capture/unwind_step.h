// One step of unwinding: from a frame to its caller, by the rule of its program counter.
#pragma once

#include <cstdint>

#include "capture/rule_cache.h"
#include "capture/stack_capture.h"
#include "segment/sys.h"

extern "C" void* __libc_stack_end;  // of the loader: where the kernel put the stack pointer

namespace mla {

#if defined(__x86_64__)

// The state of a frame while it waits for the call it made (or was interrupted).
struct FrameState {
  uintptr_t pc;
  uintptr_t sp;
  uintptr_t fp;
  bool exact;  // pc is an interrupted instruction, not a return address
};

enum class Step : uint8_t { kOk, kEnd, kBroken, kUnsupported };

// How the caller's state was found, for those who want to find it again.
struct StepInfo {
  bool uses_fp = false;   // the caller's stack pointer was computed from fp
  bool loads_fp = false;  // the caller's fp was read from the stack ...
  uintptr_t fp_slot = 0;  // ... here
  bool guessed = false;   // by the frame pointer, for want of a rule
  bool special = false;   // signal frame or realigned stack: not a constant offset
};

// Reads of the stack that cannot fault. Rules read through what may be a clobbered RBP, so a read
// outside of the range known to be readable asks the kernel first, once a page.
class StackReader {
 public:
  explicit StackReader(ReadableRange& range) : range_(range) {}

  bool read(uintptr_t address, uintptr_t& value) {
    const uintptr_t bytes = range_.high - range_.low;
    if (__builtin_expect(address - range_.low > bytes - 8 || bytes < 8, 0) && !extend(address)) {
      return false;
    }
    value = *reinterpret_cast<const uintptr_t*>(address);
    return true;
  }

 private:
  __attribute__((noinline)) bool extend(uintptr_t address) {
    constexpr uintptr_t kPage = 4096;
    if ((address & 7) != 0) return false;
    const uintptr_t page = address & ~(kPage - 1);
    if (!sys::readable(page)) return false;
    if (page == range_.high) {
      range_.high = page + kPage;
    } else if (page + kPage == range_.low) {
      range_.low = page;
    } else {  // another stack: sigaltstack, a coroutine, a new thread
      range_ = {page, page + kPage};
    }
    return true;
  }
  ReadableRange& range_;
};

inline constexpr uintptr_t kLowestCode = 0x1000;

inline Step step_out_of_signal(FrameState& f, StackReader& stack) {
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

// Goes to the caller of `f`. On anything but kOk, `f` stays what it was.
inline Step step_by_rule(FrameState& f, StackReader& stack, StepInfo& info) {
  UnwindRule rule = rule_cache.rule_at(f.exact ? f.pc : f.pc - 1);
  info = {};
  uintptr_t cfa = 0;
  switch (rule.kind) {
    case RuleKind::kCfaFromSp:
      cfa = f.sp + static_cast<intptr_t>(rule.cfa_offset);
      break;
    case RuleKind::kCfaFromFp:
      info.uses_fp = true;
      cfa = f.fp + static_cast<intptr_t>(rule.cfa_offset);
      break;
    case RuleKind::kCfaFromFpSlot:
      info.uses_fp = info.special = true;
      if (!stack.read(f.fp + static_cast<intptr_t>(rule.cfa_offset), cfa)) return Step::kBroken;
      break;
    case RuleKind::kSignal:
      info.special = true;
      return step_out_of_signal(f, stack);
    case RuleKind::kEnd:
      return Step::kEnd;
    case RuleKind::kUnsupported:
      return Step::kUnsupported;
    case RuleKind::kNone:
    case RuleKind::kNoInfo: {
      // The loader's entry point has no rule; its stack pointer is the initial one, but for
      // alignment.
      constexpr uintptr_t kAlignment = 64;
      const uintptr_t start = reinterpret_cast<uintptr_t>(__libc_stack_end);
      if (f.sp <= start && start - f.sp < kAlignment) return Step::kEnd;
      // A return address that is the start of a function was put there by makecontext.
      if (!f.exact && rule_cache.rule_at(f.pc).kind != RuleKind::kNoInfo) return Step::kEnd;
      // JIT code and assembler mostly keep a frame pointer: followed as libunwind follows it, if it
      // points a little above the frame.
      constexpr uintptr_t kFarthest = 0x4000;
      if (f.fp < f.sp || f.fp - f.sp > kFarthest) return Step::kBroken;
      rule.fp_offset = -16;
      info.uses_fp = info.guessed = true;
      cfa = f.fp + 16;
      break;
    }
  }
  // Stacks grow down: an outer frame lies higher. Else the chain is broken, and might be a loop.
  if (cfa <= f.sp || (cfa & 7) != 0) return Step::kBroken;
  uintptr_t fp = f.fp;
  if (rule.kind == RuleKind::kCfaFromFpSlot || rule.fp_offset != UnwindRule::kFpUntouched) {
    info.loads_fp = true;
    info.fp_slot =
        rule.kind == RuleKind::kCfaFromFpSlot ? f.fp : cfa + static_cast<intptr_t>(rule.fp_offset);
    if (!stack.read(info.fp_slot, fp)) return Step::kBroken;
  }
  uintptr_t pc = 0;
  if (!stack.read(cfa - 8, pc)) return Step::kBroken;
  f = {pc, cfa, fp, false};
  return Step::kOk;
}

#endif

}  // namespace mla
