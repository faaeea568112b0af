// The capture interface: from a hook's caller to the program counters of its stack.
#pragma once

#include <cstdint>

#include "format/format.h"

namespace mla {

// Where a hook was called from: the state of its caller right after the call returned.
struct CallContext {
  uintptr_t pc;  // the return address
  uintptr_t sp;  // canonical frame address of the hook = stack pointer of the caller
  uintptr_t fp;  // RBP of the caller
};

// To be used in an exported hook itself, compiled with frame pointers.
#define MLA_CALL_CONTEXT()                                    \
  ::mla::CallContext {                                        \
    reinterpret_cast<uintptr_t>(__builtin_return_address(0)), \
        reinterpret_cast<uintptr_t>(__builtin_dwarf_cfa()),   \
        *static_cast<uintptr_t*>(__builtin_frame_address(0))  \
  }

// Part of a thread's stack that is known to be readable. Rules read through what may be a
// clobbered RBP; a read outside of this range asks the kernel first, once a page.
struct ReadableRange {
  uintptr_t low = 0;
  uintptr_t high = 0;
};

enum class StackEnd : uint32_t {
  kComplete = 0,    // reached the first frame of the thread
  kTruncated = 1,   // deeper than kMaxStackDepth
  kIncomplete = 2,  // no unwind information, or an unreadable frame
};

struct CapturedStack {
  uint32_t depth = 0;  // frames in pcs, leaf first
  StackEnd end = StackEnd::kIncomplete;
  uint64_t pcs[format::kMaxStackDepth];  // as NodeRecord::pc: address, kPcExact
};

// Fills `out` with the stack of the calling thread from `from` outwards. Allocates nothing, takes
// no lock unless a frame needs libunwind (see reference_unwinder.h).
void capture_stack(const CallContext& from, ReadableRange& readable, CapturedStack& out);

// Whether libunwind no longer knows the stack pointer at this frame. Of a frame without unwind
// information it takes the caller from RBP, as capture_stack does, but adds 16 to the stack pointer
// where RBP + 16 is the new one (x86_64/Gstep.c of 1.6.2): it gives up once such frames are
// 16 KiB away from that, and is wrong where the next rule starts from RSP.
bool reference_lost_at(const CapturedStack& stack, uint32_t frame);

}  // namespace mla
