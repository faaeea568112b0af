// The functions that free. What is freed is recorded before the real call, for after it the block
// may already belong to another thread. No stack is taken here, so that, other than in
// hooks_malloc.cc, the real function may be jumped to from a hook that needed no frame.
#include "hooks/hook.h"

using mla::allocator;

namespace {

__attribute__((noinline)) void free_recorded(void* block) {
  if (block == nullptr || !mla::ready()) return;
  mla::record_free(block);
  allocator.free(block);
}

}  // namespace

MLA_HOOK void free(void* block) {
  if (mla::is_passed_over(block)) return allocator.free(block);
  free_recorded(block);
}

MLA_HOOK void cfree(void* block) {
  if (block == nullptr || !mla::ready()) return;
  mla::record_free(block);
  allocator.free(block);
}

MLA_HOOK void free_sized(void* block, size_t bytes) {
  if (block == nullptr || !mla::ready()) return;
  mla::record_free(block);
  if (allocator.free_sized != nullptr) {
    allocator.free_sized(block, bytes);
  } else {
    allocator.free(block);
  }
}

MLA_HOOK void free_aligned_sized(void* block, size_t alignment, size_t bytes) {
  if (block == nullptr || !mla::ready()) return;
  mla::record_free(block);
  if (allocator.free_aligned_sized != nullptr) {
    allocator.free_aligned_sized(block, alignment, bytes);
  } else {
    allocator.free(block);
  }
}
