// The unwind rule of one program counter, in 8 bytes: how to get from a frame to its caller.
//
// Covers what compilers make: a canonical frame address (CFA) at a constant offset of RSP or RBP,
// the return address right below the CFA, RBP saved at a constant offset or untouched; and the two
// common special frames, a realigned stack (DRAP) and a signal frame. Anything else is kUnsupported
// and goes to libunwind.
#pragma once

#include <cstdint>

namespace mla {

enum class RuleKind : uint8_t {
  kNone = 0,           // no entry in the cache
  kCfaFromSp = 1,      // CFA = sp + cfa_offset
  kCfaFromFp = 2,      // CFA = fp + cfa_offset
  kCfaFromFpSlot = 3,  // CFA = *(fp + cfa_offset); DRAP: g++ -mstackrealign, AVX functions
  kSignal = 4,         // the frame the kernel makes for a signal handler
  kEnd = 5,            // the outermost frame: return address undefined
  kUnsupported = 6,    // a rule this unwinder does not know
  kNoInfo = 7,         // no unwind information: JIT code, hand-written assembler
};

struct UnwindRule {
  static constexpr int16_t kFpUntouched = INT16_MIN;
  int32_t cfa_offset = 0;
  int16_t fp_offset = kFpUntouched;  // caller's fp is at CFA + fp_offset
  RuleKind kind = RuleKind::kNone;
  uint8_t reserved = 0;
};
static_assert(sizeof(UnwindRule) == 8);

// The rule at `pc` from the call frame information (DWARF CFI) of the module that holds it. `pc` is
// the address to look up: a return address minus 1, or an interrupted instruction. Takes no lock
// and allocates nothing; about 0.3 to 1 us.
UnwindRule compute_rule(uintptr_t pc);

}  // namespace mla
