#include "capture/stack_capture.h"

#include "capture/reference_unwinder.h"
#include "capture/rule_cache.h"
#include "segment/sys.h"

extern "C" void* __libc_stack_end;  // of the loader

namespace mla {

namespace {

#if defined(__x86_64__)

constexpr uintptr_t kPage = 4096;
constexpr uintptr_t kLowestCode = 0x1000;
// ucontext_t below the frame of a signal handler's caller: rt_sigframe of the x86-64 kernel.
constexpr uintptr_t kUcontextRegisters = 40;
constexpr uintptr_t kRegisterFp = kUcontextRegisters + 10 * 8;
constexpr uintptr_t kRegisterSp = kUcontextRegisters + 15 * 8;
constexpr uintptr_t kRegisterPc = kUcontextRegisters + 16 * 8;

// Reads of the stack that cannot fault.
class StackReader {
 public:
  explicit StackReader(ReadableRange& range) : range_(range) {}

  bool read(uintptr_t address, uintptr_t& value) {
    if (__builtin_expect(address - range_.low > range_.high - range_.low - 8 ||
                             range_.high - range_.low < 8, 0)) {
      if (!extend(address)) return false;
    }
    value = *reinterpret_cast<const uintptr_t*>(address);
    return true;
  }

 private:
  __attribute__((noinline)) bool extend(uintptr_t address) {
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

struct Frame {
  uintptr_t pc;
  uintptr_t sp;
  uintptr_t fp;
  bool exact;  // pc is an interrupted instruction
};

// The loader's entry point has no unwind information; it is recognised by its stack pointer, which
// is where the kernel put it, but for alignment.
bool is_program_start(const Frame& f) {
  constexpr uintptr_t kAlignment = 64;
  const uintptr_t start = reinterpret_cast<uintptr_t>(__libc_stack_end);
  return f.sp <= start && start - f.sp < kAlignment;
}

enum class Step { kOk, kEnd, kBroken, kUnsupported };

Step step_signal(Frame& f, StackReader& stack) {
  Frame next = {0, 0, 0, true};
  if (!stack.read(f.sp + kRegisterPc, next.pc) || !stack.read(f.sp + kRegisterSp, next.sp) ||
      !stack.read(f.sp + kRegisterFp, next.fp)) {
    return Step::kBroken;
  }
  f = next;
  return Step::kOk;
}

Step step_by_rule(Frame& f, StackReader& stack) {
  const UnwindRule rule = rule_cache.rule_at(f.exact ? f.pc : f.pc - 1);
  uintptr_t cfa = 0;
  switch (rule.kind) {
    case RuleKind::kCfaFromSp: cfa = f.sp + static_cast<intptr_t>(rule.cfa_offset); break;
    case RuleKind::kCfaFromFp: cfa = f.fp + static_cast<intptr_t>(rule.cfa_offset); break;
    case RuleKind::kCfaFromFpSlot:
      if (!stack.read(f.fp + static_cast<intptr_t>(rule.cfa_offset), cfa)) return Step::kBroken;
      break;
    case RuleKind::kSignal: return step_signal(f, stack);
    case RuleKind::kEnd: return Step::kEnd;
    case RuleKind::kUnsupported: return Step::kUnsupported;
    case RuleKind::kNone:
    case RuleKind::kNoInfo: return Step::kBroken;
  }
  // Stacks grow down: an outer frame lies higher. Else the chain is broken, and might be a loop.
  if (cfa <= f.sp || (cfa & 7) != 0) return Step::kBroken;
  uintptr_t fp = f.fp;
  if (rule.kind == RuleKind::kCfaFromFpSlot) {
    if (!stack.read(f.fp, fp)) return Step::kBroken;
  } else if (rule.fp_offset != UnwindRule::kFpUntouched) {
    if (!stack.read(cfa + static_cast<intptr_t>(rule.fp_offset), fp)) return Step::kBroken;
  }
  uintptr_t pc = 0;
  if (!stack.read(cfa - 8, pc)) return Step::kBroken;
  f = {pc, cfa, fp, false};
  return Step::kOk;
}

#endif

}  // namespace

void capture_stack(const CallContext& from, ReadableRange& readable, CapturedStack& out) {
#if defined(__x86_64__)
  if (!reference_unwinder_forced()) {
    StackReader stack(readable);
    Frame f = {from.pc, from.sp, from.fp, false};
    out.depth = 0;
    for (;;) {
      if (f.pc < kLowestCode) {
        out.end = StackEnd::kComplete;
        return;
      }
      if (out.depth == format::kMaxStackDepth) {
        out.end = StackEnd::kTruncated;
        return;
      }
      out.pcs[out.depth++] = f.pc | (f.exact ? format::kPcExact : 0);
      const Step step = step_by_rule(f, stack);
      if (step == Step::kOk) continue;
      if (step == Step::kUnsupported && reference_unwind(from, out)) return;
      out.end = step == Step::kEnd || is_program_start(f) ? StackEnd::kComplete
                                                          : StackEnd::kIncomplete;
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

}  // namespace mla
