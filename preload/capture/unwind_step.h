// One step of unwinding: from a frame to its caller, by the rule of its program counter.
#pragma once

#include <cstdint>

#include "capture/rule_cache.h"
#include "capture/stack_capture.h"
#include "segment/sys.h"

namespace mla {

// How the caller's state was found, for those who want to find it again.
struct StepInfo {
  static constexpr uint32_t kUsesFp = 1;   // the caller's stack pointer was computed from fp
  static constexpr uint32_t kLoadsFp = 2;  // the caller's fp was read from fp_slot
  static constexpr uint32_t kSpecial = 4;  // signal frame or realigned stack: no constant offset
  static constexpr uint32_t kGuessed = 8;  // by the frame pointer, for want of a rule
  uint32_t flags;
  uintptr_t fp_slot;
};

// Whether rules of this architecture are known. If not, libunwind takes every stack.
#if defined(__x86_64__)
inline constexpr bool kHasUnwindRules = true;
#else
inline constexpr bool kHasUnwindRules = false;
#endif

#if defined(__x86_64__)

// The state of a frame while it waits for the call it made (or was interrupted).
struct FrameState {
  uintptr_t pc;
  uintptr_t sp;
  uintptr_t fp;
  bool exact;  // pc is an interrupted instruction, not a return address
};

enum class Step : uint8_t { kOk, kEnd, kBroken, kUnsupported };

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

// Rules but the two common ones.
Step step_specially(const UnwindRule& rule, FrameState& f, StackReader& stack, StepInfo& info);

// Goes to the caller of `f`. On anything but kOk, `f` stays what it was. Which register the frame
// was found by, and whether it saved RBP, differs from frame to frame in no pattern: these two are
// selected, not branched on.
inline Step step_by_rule(FrameState& f, StackReader& stack, StepInfo& info) {
  const UnwindRule rule = rule_cache.rule_at(f.pc - (f.exact ? 0 : 1));
  const bool uses_fp = rule.kind == RuleKind::kCfaFromFp;
  if (__builtin_expect(!uses_fp && rule.kind != RuleKind::kCfaFromSp, 0)) {
    FrameState copy = f;  // so that `f` itself can stay in registers
    const Step step = step_specially(rule, copy, stack, info);
    f = copy;
    return step;
  }
  const uintptr_t cfa = (uses_fp ? f.fp : f.sp) + static_cast<intptr_t>(rule.cfa_offset);
  // Stacks grow down: an outer frame lies higher. Else the chain is broken, and might be a loop.
  if (__builtin_expect(cfa <= f.sp || (cfa & 7) != 0, 0)) return Step::kBroken;
  const bool loads_fp = rule.fp_offset != UnwindRule::kFpUntouched;
  const intptr_t slot = loads_fp ? rule.fp_offset : -8;
  uintptr_t saved = 0;
  uintptr_t pc = 0;
  if (!stack.read(cfa + slot, saved) || !stack.read(cfa - 8, pc)) return Step::kBroken;
  info.flags = (uses_fp ? StepInfo::kUsesFp : 0) | (loads_fp ? StepInfo::kLoadsFp : 0);
  info.fp_slot = cfa + slot;
  f = {pc, cfa, loads_fp ? saved : f.fp, false};
  return Step::kOk;
}

#endif

}  // namespace mla
