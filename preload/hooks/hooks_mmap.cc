// Anonymous mappings the program makes itself. What the serving allocator maps for its heap is not
// the program's, and pages it may not touch (PROT_NONE) are address space, not memory: both are
// only noted, to explain resident pages.
//
// The calls go straight to the kernel, with errno set as libc would.
#include <errno.h>
#include <stdarg.h>
#include <sys/mman.h>

#include "hooks/hook.h"
#include "segment/sys.h"

namespace {

namespace sys = mla::sys;
using mla::allocator;
using mla::CallContext;

constexpr uintptr_t kPageMask = 4095;

bool is_programs_own(const CallContext& from) {
  return mla::ready() && !allocator.range.holds(from.pc);
}

long with_errno(long result) {
  if (result < 0 && result >= -4095) {
    errno = static_cast<int>(-result);
    return -1;
  }
  return result;
}

void* map(void* at, size_t bytes, int protection, int flags, int fd, off_t offset,
          const CallContext& from) {
  if ((offset & static_cast<off_t>(kPageMask)) != 0) {
    errno = EINVAL;
    return MAP_FAILED;
  }
  // A fixed mapping silently replaces what was there.
  mla::ReleasedMappings released;
  const bool mine = is_programs_own(from);
  if (mine && (flags & MAP_FIXED) != 0 && (flags & MAP_FIXED_NOREPLACE) != MAP_FIXED_NOREPLACE) {
    mla::release_mapping(reinterpret_cast<uintptr_t>(at), bytes, released);
  }
  void* p = sys::mmap(at, bytes, protection, flags, fd, offset);
  if (sys::failed(p)) {
    mla::restore_mappings(released);
    errno = sys::error_of(p);
    return MAP_FAILED;
  }
  if ((flags & MAP_ANONYMOUS) == 0) return p;
  if (mine && protection != PROT_NONE) {
    mla::record_mapping(reinterpret_cast<uintptr_t>(p), bytes, from);
  } else if (mine) {
    mla::record_reservation(reinterpret_cast<uintptr_t>(p), bytes, from);
  } else if (mla::ready()) {
    mla::note_allocator_mapping(reinterpret_cast<uintptr_t>(p), bytes);
  }
  return p;
}

}  // namespace

MLA_HOOK void* mmap(void* at, size_t bytes, int protection, int flags, int fd, off_t offset) {
  return map(at, bytes, protection, flags, fd, offset, MLA_CALL_CONTEXT());
}

MLA_HOOK void* mmap64(void* at, size_t bytes, int protection, int flags, int fd, off_t offset) {
  return map(at, bytes, protection, flags, fd, offset, MLA_CALL_CONTEXT());
}

MLA_HOOK int munmap(void* at, size_t bytes) {
  const CallContext from = MLA_CALL_CONTEXT();
  const auto start = reinterpret_cast<uintptr_t>(at);
  mla::ReleasedMappings released;
  if (bytes != 0 && (start & kPageMask) == 0) {
    if (is_programs_own(from)) {
      mla::release_mapping(start, bytes, released);
    } else {
      mla::note_allocator_unmapping(start, bytes);
    }
  }
  const long result = sys::munmap(at, bytes);
  if (result != 0) mla::restore_mappings(released);
  return static_cast<int>(with_errno(result));
}

MLA_HOOK void* mremap(void* old, size_t old_bytes, size_t bytes, int flags, ...) {
  const CallContext from = MLA_CALL_CONTEXT();
  void* to = nullptr;
  if ((flags & MREMAP_FIXED) != 0) {
    va_list arguments;
    va_start(arguments, flags);
    to = va_arg(arguments, void*);
    va_end(arguments);
  }
  const auto start = reinterpret_cast<uintptr_t>(old);
  mla::ReleasedMappings released;
  mla::ReleasedMappings replaced;
  if (is_programs_own(from)) {
    mla::release_mapping(start, old_bytes, released);
    if (to != nullptr) mla::release_mapping(reinterpret_cast<uintptr_t>(to), bytes, replaced);
  }
  const long result = sys::call(SYS_mremap, sys::arg(old), static_cast<long>(old_bytes),
                                static_cast<long>(bytes), flags, sys::arg(to));
  if (result < 0 && result >= -4095) {
    mla::restore_mappings(released);
    mla::restore_mappings(replaced);
    return reinterpret_cast<void*>(with_errno(result));
  }
  if (released.count != 0) mla::record_mapping(static_cast<uintptr_t>(result), bytes, from);
  return reinterpret_cast<void*>(result);
}
