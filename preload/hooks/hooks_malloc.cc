// The malloc family. Each hook calls the real function first and hands its result and errno on
// untouched.
#include <errno.h>

#include "hooks/hook.h"

namespace {

using mla::allocator;
using mla::CallContext;

bool overflows(size_t count, size_t size, size_t& bytes) {
  return __builtin_mul_overflow(count, size, &bytes);
}

void* refuse() {
  errno = ENOMEM;
  return nullptr;
}

// realloc for every hook that ends in it. The old block is forgotten before the call, so that no
// other thread's new block at its address can be taken for it; if the call fails it is put back.
void* reallocate(void* old, size_t bytes, const CallContext& from) {
  const mla::LiveBlock taken = mla::take_block(old);
  void* block = allocator.realloc(old, bytes);
  if (block == nullptr && bytes != 0) {
    mla::restore_block(old, taken);
    return nullptr;
  }
  mla::count_free(taken);
  mla::record_allocation(block, bytes, from);
  return block;
}

}  // namespace

MLA_HOOK void* malloc(size_t bytes) {
  if (!mla::ready()) return refuse();
  void* block = allocator.malloc(bytes);
  mla::record_allocation(block, bytes, MLA_CALL_CONTEXT());
  return block;
}

MLA_HOOK void* calloc(size_t count, size_t size) {
  if (!mla::ready()) return refuse();
  void* block = allocator.calloc(count, size);
  mla::record_allocation(block, count * size, MLA_CALL_CONTEXT());
  return block;
}

MLA_HOOK void* realloc(void* old, size_t bytes) {
  if (!mla::ready()) return refuse();
  return reallocate(old, bytes, MLA_CALL_CONTEXT());
}

MLA_HOOK void* reallocarray(void* old, size_t count, size_t size) {
  size_t bytes = 0;
  if (!mla::ready() || overflows(count, size, bytes)) return refuse();
  return reallocate(old, bytes, MLA_CALL_CONTEXT());
}

MLA_HOOK int posix_memalign(void** to, size_t alignment, size_t bytes) {
  if (!mla::ready()) return ENOMEM;
  const int error = allocator.posix_memalign(to, alignment, bytes);
  if (error == 0) mla::record_allocation(*to, bytes, MLA_CALL_CONTEXT());
  return error;
}

MLA_HOOK void* aligned_alloc(size_t alignment, size_t bytes) {
  if (!mla::ready()) return refuse();
  void* block = allocator.aligned_alloc(alignment, bytes);
  mla::record_allocation(block, bytes, MLA_CALL_CONTEXT());
  return block;
}

MLA_HOOK void* memalign(size_t alignment, size_t bytes) {
  if (!mla::ready()) return refuse();
  void* block = allocator.memalign(alignment, bytes);
  mla::record_allocation(block, bytes, MLA_CALL_CONTEXT());
  return block;
}

// An allocator without valloc or pvalloc must still serve them: libc's own would give out blocks
// that this allocator's free does not know.
MLA_HOOK void* valloc(size_t bytes) {
  constexpr size_t kPage = 4096;
  if (!mla::ready()) return refuse();
  void* block =
      allocator.valloc != nullptr ? allocator.valloc(bytes) : allocator.memalign(kPage, bytes);
  mla::record_allocation(block, bytes, MLA_CALL_CONTEXT());
  return block;
}

MLA_HOOK void* pvalloc(size_t bytes) {
  constexpr size_t kPage = 4096;
  size_t rounded = 0;
  if (!mla::ready() || __builtin_add_overflow(bytes, kPage - 1, &rounded)) return refuse();
  rounded &= ~(kPage - 1);
  void* block =
      allocator.pvalloc != nullptr ? allocator.pvalloc(bytes) : allocator.memalign(kPage, rounded);
  mla::record_allocation(block, bytes, MLA_CALL_CONTEXT());
  return block;
}

MLA_HOOK size_t malloc_usable_size(void* block) {
  return block == nullptr || !mla::ready() ? 0 : allocator.malloc_usable_size(block);
}
