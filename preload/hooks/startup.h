// The two stages of starting: at the first call of any hook, and in the constructor.
#pragma once

namespace mla {

// Stage 1: chooses the allocator and, when libc has set up the environment, begins to record. Runs
// at the first hook call, usually in another library's constructor. Neither allocates nor locks.
// False if no allocator could be found: the request has to be refused.
bool start();

}  // namespace mla
