// libunwind, for the frames that unwind rules do not cover and as the judge of those they do.
//
// Loaded with dlopen(RTLD_LOCAL) in the constructor: linking it would put its _Unwind_* and
// backtrace in front of the host's. Without it (package libunwind8) such stacks end early and are
// counted as incomplete.
#pragma once

#include "capture/stack_capture.h"

namespace mla {

// Call from the constructor only: it uses the loader. `forced`: MLA_UNWIND=libunwind.
// `cached`: it will be called often.
// False when the library is missing.
bool load_reference_unwinder(bool forced, bool cached);

// Whether every stack is to be unwound by libunwind.
bool reference_unwinder_forced();

// Unwinds from `from`. False if libunwind is not loaded or did not find the frame of `from`; then
// `out` holds what it held. libunwind takes a lock and, for modules new to it, the loader's.
bool reference_unwind(const CallContext& from, CapturedStack& out);

// Does without libunwind from now on.
void drop_reference_unwinder();

// Drops libunwind's caches after a dlclose.
void forget_reference_caches();

}  // namespace mla
