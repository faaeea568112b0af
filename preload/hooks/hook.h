// What every file of hooks needs.
#pragma once

#include "capture/recorder.h"
#include "hooks/allocator.h"
#include "hooks/startup.h"

#define MLA_HOOK extern "C" __attribute__((visibility("default")))

namespace mla {

// The allocator underneath is known. False only if there is none at all.
inline bool ready() { return __builtin_expect(allocator.malloc != nullptr, 1) || start(); }

// After a dlclose: whoever replaced an operator may be gone.
void forget_operators();

}  // namespace mla
