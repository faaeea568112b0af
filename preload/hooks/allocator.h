// The allocator underneath: which library serves the program, and its entry points.
//
// * Without MLA_ALLOCATOR it is the one that would serve the program without mla: the next library
//   in the loader's order that defines malloc (one preloaded behind libmla.so, one the program is
//   linked with, else libc).
// * With MLA_ALLOCATOR it is that one. It must have been loaded at start (see reexec.h): Debian's
//   jemalloc cannot be loaded later, and blocks would have two owners.
// * It is chosen at the first call of any hook and never changed, so every block goes back to
// whoever
//   served it.
#pragma once

#include <link.h>

#include <cstddef>
#include <cstdint>

#include "capture/thread_local.h"
#include "hooks/elf_symbols.h"

namespace mla {

enum class AllocatorKind { kPtmalloc, kJemalloc, kTcmalloc, kMimalloc, kOther };

// A function of the allocator; see AllocatorScope.
template <class Signature>
class Entry;
template <class Result, class... Arguments>
class Entry<Result(Arguments...)> {
 public:
  using Function = Result (*)(Arguments...);
  __attribute__((always_inline)) Result operator()(Arguments... arguments) const {
    const AllocatorScope scope;
    return function_(arguments...);
  }
  void bind(Function function) { function_ = function; }
  friend bool operator==(const Entry& e, std::nullptr_t) { return e.function_ == nullptr; }

 private:
  Function function_;
};

struct Allocator {
  Entry<void*(size_t)> malloc;
  Entry<void*(size_t, size_t)> calloc;
  Entry<void*(void*, size_t)> realloc;
  Entry<void(void*)> free;
  Entry<int(void**, size_t, size_t)> posix_memalign;
  Entry<void*(size_t, size_t)> aligned_alloc;
  Entry<void*(size_t, size_t)> memalign;
  Entry<size_t(void*)> malloc_usable_size;
  // May be nullptr: then made of the above.
  Entry<void*(size_t)> valloc;
  Entry<void*(size_t)> pvalloc;
  Entry<void(void*, size_t)> free_sized;
  Entry<void(void*, size_t, size_t)> free_aligned_sized;

  AllocatorKind kind;
  const struct link_map* library;
  AddressRange range;  // of its code: its own mmap calls are not the program's
};

// All zero until choose_allocator() has run.
extern Allocator allocator;

// Chooses. `wanted`: value of MLA_ALLOCATOR or nullptr. If what is wanted is not loaded, what
// serves the program anyway is chosen and false returned.
bool choose_allocator(const char* wanted);

const char* name_of(AllocatorKind kind);
// Which allocator a library is, by the functions it defines.
AllocatorKind kind_of(const struct link_map* library);
// The kind named by a value of MLA_ALLOCATOR; kOther if it is a path or not known.
AllocatorKind kind_named(const char* name);
// The first loaded library of a kind behind libmla.so, or nullptr.
const struct link_map* loaded_allocator(AllocatorKind kind);
// libmla.so itself.
const struct link_map* own_object();

// Enters name, version and path of what serves into the recording.
void describe_serving_allocator();

}  // namespace mla
