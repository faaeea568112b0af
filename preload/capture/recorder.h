// From an allocation event to the counters: what every hook calls.
//
// * The real allocator has been called before record_allocation() and is called after
//   take_block(): no lock of mla's is ever held around it, and a block is unknown to mla before it
//   can be handed to another thread.
// * All functions leave errno alone and do nothing when recording is off or the thread is inside
// mla.
#pragma once

#include <cstdint>

#include "capture/live_map.h"
#include "capture/mappings.h"
#include "capture/sampler.h"
#include "capture/stack_capture.h"
#include "capture/thread_local.h"
#include "segment/control.h"

namespace mla {

// `block` (nullptr: nothing happens) was given out for a request of `bytes`.
template <BlockKind kind = BlockKind::kHeap>
inline void record_allocation(const void* block, uint64_t bytes, const CallContext& from);

// `block` is about to be freed. An object that was not seen being allocated is no loss.
template <BlockKind kind = BlockKind::kHeap>
inline void record_free(const void* block);

// `block` was given out by a function that itself may have called a hook (operator new over
// libstdc++): what that hook recorded since begin_outer_allocation() is replaced by a record of
// `bytes` at `from`.
inline void begin_outer_allocation() { thread_local_state.last_recorded = 0; }
void record_outer_allocation(const void* block, uint64_t bytes, const CallContext& from);

// realloc in two steps. take_block() forgets the block before the call without counting;
// then either count_free() when the call succeeded, or restore_block() when it failed.
template <BlockKind kind = BlockKind::kHeap>
LiveBlock take_block(const void* block);
void count_free(const LiveBlock& block);
void restore_block(const void* block, const LiveBlock& taken);

// Anonymous mappings made by the program, [start, start + bytes), rounded up to pages. What the
// range covered before is gone.
void record_mapping(uintptr_t start, uint64_t bytes, const CallContext& from);

// What release_mapping() took away.
struct ReleasedMappings {
  static constexpr uint32_t kMost = 4;
  struct Piece {
    Mapping mapping;
    bool whole;
  };
  Piece piece[kMost];
  uint32_t count = 0;  // 0: mla knew nothing there
};
// Comes before the call that unmaps, for after it another thread may map the same addresses. When
// the call fails, restore_mappings() puts back the first kMost pieces.
void release_mapping(uintptr_t start, uint64_t bytes, ReleasedMappings& released);
void restore_mappings(const ReleasedMappings& released);

// Address space that is no memory yet, reserved by the program. In no count; see reservation_table.
void record_reservation(uintptr_t start, uint64_t bytes, const CallContext& from);
// What the serving allocator maps for itself, and is about to unmap.
void note_allocator_mapping(uintptr_t start, uint64_t bytes);
void note_allocator_unmapping(uintptr_t start, uint64_t bytes);

// Out of line: the usual case of exact mode, and everything else.
// The context is passed in registers, so that a hook does not fetch it for what is no sample.
template <BlockKind kind>
void record_allocation_exactly(const void* block, uint64_t bytes, uintptr_t pc, uintptr_t sp,
                               uintptr_t fp);
template <BlockKind kind>
void record_free_exactly(const void* block);
template <BlockKind kind>
void record_allocation_slowly(const void* block, uint64_t bytes, uintptr_t pc, uintptr_t sp,
                              uintptr_t fp);
template <BlockKind kind>
void record_free_slowly(const void* block);

// With sampling, one subtraction and one branch for an allocation that is no sample.
template <BlockKind kind>
inline void record_allocation(const void* block, uint64_t bytes, const CallContext& from) {
  const Mode mode = current_mode();
  if (mode == Mode::kSampling) {
    if (__builtin_expect(block == nullptr, 0)) return;  // its size is no distance, whatever it was
    thread_local_state.countdown -= static_cast<int64_t>(bytes | (bytes == 0));
    if (__builtin_expect(thread_local_state.countdown >= 0, 1)) return;
  } else if (__builtin_expect(mode == Mode::kRecording, 1)) {
    record_allocation_exactly<kind>(block, bytes, from.pc, from.sp, from.fp);
    return;
  }
  record_allocation_slowly<kind>(block, bytes, from.pc, from.sp, from.fp);
}

// Samples are taken, so that the allocator is known, and the block is none: its free need not be
// recorded.
inline bool is_passed_over(const void* block) {
  return current_mode() == Mode::kSampling && !may_be_sampled(reinterpret_cast<uintptr_t>(block));
}

template <BlockKind kind>
inline void record_free(const void* block) {
  if (is_passed_over(block)) return;
  if (__builtin_expect(current_mode() == Mode::kRecording, 1)) {
    record_free_exactly<kind>(block);
  } else {
    record_free_slowly<kind>(block);
  }
}

}  // namespace mla
