// From an allocation event to the counters: what every hook calls.
//
// * The real allocator has been called before record_allocation() and is called after
//   take_block(): no lock of mla's is ever held around it, and a block is unknown to mla before it can
//   be handed to another thread.
// * All functions leave errno alone and do nothing when recording is off or the thread is inside mla.
#pragma once

#include <cstdint>

#include "capture/live_map.h"
#include "capture/stack_capture.h"

namespace mla {

// `block` (nullptr: nothing happens) was given out for a request of `bytes`.
void record_allocation(const void* block, uint64_t bytes, const CallContext& from);

// `block` is about to be freed.
void record_free(const void* block);

// `block` was given out by a function that itself may have called a hook (operator new over
// libstdc++): what that hook recorded is replaced by a record of `bytes` at `from`.
void record_outer_allocation(const void* block, uint64_t bytes, const CallContext& from);

// realloc in two steps. take_block() forgets the block before the call without counting;
// then either count_free() when the call succeeded, or restore_block() when it failed.
LiveBlock take_block(const void* block);
void count_free(const LiveBlock& block);
void restore_block(const void* block, const LiveBlock& taken);

// Anonymous mappings made by the program, [start, start + bytes), rounded up to pages. What the
// range covered before is gone. release_mapping() comes before the munmap; whether it knew the range.
void record_mapping(uintptr_t start, uint64_t bytes, const CallContext& from);
bool release_mapping(uintptr_t start, uint64_t bytes);

}  // namespace mla
