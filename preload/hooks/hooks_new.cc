// operator new and delete, all replaceable forms.
//
// libstdc++'s own call malloc and free and would be recorded there, but jemalloc, tcmalloc and
// mimalloc bring operators that bypass malloc. Plain forms are therefore served by the
// allocator's malloc and free directly, unless a library of the program replaces the operator (then
// it decides, and is only forwarded to). A failed request goes to the real operator, which calls
// the new handler and throws: no state of mla's is held while an exception passes through.
#include <errno.h>

#include "hooks/hook.h"
#include "segment/text.h"

namespace {

using mla::allocator;
using mla::CallContext;

// One operator: who defines it behind libmla.so.
struct Operator {
  const char* name;
  void* real = nullptr;
  bool direct = false;  // the definition is the C++ library's or the serving allocator's
  bool serves = false;  // the definition is the serving allocator's
  bool resolved = false;

  bool is_direct() {
    if (__builtin_expect(!resolved, 0)) resolve();
    return direct;
  }
  template <class F>
  F original() {
    if (!resolved) resolve();
    return reinterpret_cast<F>(real);
  }

 private:
  static bool is_cxx_library(const struct link_map* o) {
    const char* file = mla::base_name(o->l_name);
    return mla::starts_with(file, "libstdc++.") || mla::starts_with(file, "libc++");
  }
  void resolve() {
    for (const struct link_map* o = mla::find_definer(mla::own_object(), name); o != nullptr;
         o = mla::find_definer(o, name)) {
      const bool of_allocator = o == allocator.library;
      // The operators of an allocator that does not serve would give out foreign blocks.
      if (!of_allocator && mla::find_function(o, "malloc") != nullptr) continue;
      real = mla::find_function(o, name);
      serves = of_allocator;
      direct = serves || is_cxx_library(o);
      resolved = true;
      return;
    }
    direct = true;  // not cached: the C++ library may be loaded later
  }
};

void* refuse() {
  errno = ENOMEM;
  return nullptr;
}

// Plain forms. `more`: what the real operator takes behind the size.
template <class... More>
void* make(Operator& op, size_t bytes, const CallContext& from, More... more) {
  if (!mla::ready()) return refuse();
  if (op.is_direct()) {
    void* block = allocator.malloc(bytes == 0 ? 1 : bytes);
    if (__builtin_expect(block != nullptr, 1)) {
      mla::record_allocation(block, bytes, from);
      return block;
    }
  }
  const auto real = op.original<void* (*)(size_t, More...)>();
  if (real == nullptr) return refuse();
  void* block = real(bytes, more...);
  mla::record_outer_allocation(block, bytes, from);
  return block;
}

// Aligned forms: how alignment and size become a request is the library's affair. The serving
// allocator's own are memalign, which some call through a hook and some do not.
template <class... More>
void* make_aligned(Operator& op, size_t bytes, size_t alignment, const CallContext& from,
                   More... more) {
  if (!mla::ready()) return refuse();
  const auto real = op.original<void* (*)(size_t, size_t, More...)>();
  if (real == nullptr || op.serves) {
    void* block = allocator.memalign(alignment, bytes == 0 ? 1 : bytes);
    if (__builtin_expect(block != nullptr, 1)) {
      mla::record_allocation(block, bytes, from);
      return block;
    }
    if (real == nullptr) return nullptr;
  }
  void* block = real(bytes, alignment, more...);
  mla::record_outer_allocation(block, bytes, from);
  return block;
}

// Size, alignment and nothrow tag of a delete only matter to a replaced operator.
template <class... More>
void destroy(Operator& op, void* block, More... more) {
  if (block == nullptr || !mla::ready()) return;
  if (op.is_direct()) {
    mla::record_free(block);
    allocator.free(block);
    return;
  }
  op.original<void (*)(void*, More...)>()(block, more...);
}

using Tag = const void*;  // const std::nothrow_t&

}  // namespace

// The mangled names are the ABI's; DEFINE_* make the operator and the record of its original.
#define DEFINE_NEW(symbol)                      \
  MLA_HOOK void* symbol(size_t bytes) {         \
    static constinit Operator op{#symbol};      \
    return make(op, bytes, MLA_CALL_CONTEXT()); \
  }
#define DEFINE_NEW_NOTHROW(symbol)                   \
  MLA_HOOK void* symbol(size_t bytes, Tag tag) {     \
    static constinit Operator op{#symbol};           \
    return make(op, bytes, MLA_CALL_CONTEXT(), tag); \
  }
#define DEFINE_NEW_ALIGNED(symbol)                                 \
  MLA_HOOK void* symbol(size_t bytes, size_t alignment) {          \
    static constinit Operator op{#symbol};                         \
    return make_aligned(op, bytes, alignment, MLA_CALL_CONTEXT()); \
  }
#define DEFINE_NEW_ALIGNED_NOTHROW(symbol)                              \
  MLA_HOOK void* symbol(size_t bytes, size_t alignment, Tag tag) {      \
    static constinit Operator op{#symbol};                              \
    return make_aligned(op, bytes, alignment, MLA_CALL_CONTEXT(), tag); \
  }
#define DEFINE_DELETE(symbol, parameters, ...) \
  MLA_HOOK void symbol parameters {            \
    static constinit Operator op{#symbol};     \
    destroy(op, __VA_ARGS__);                  \
  }

DEFINE_NEW(_Znwm)
DEFINE_NEW(_Znam)
DEFINE_NEW_NOTHROW(_ZnwmRKSt9nothrow_t)
DEFINE_NEW_NOTHROW(_ZnamRKSt9nothrow_t)
DEFINE_NEW_ALIGNED(_ZnwmSt11align_val_t)
DEFINE_NEW_ALIGNED(_ZnamSt11align_val_t)
DEFINE_NEW_ALIGNED_NOTHROW(_ZnwmSt11align_val_tRKSt9nothrow_t)
DEFINE_NEW_ALIGNED_NOTHROW(_ZnamSt11align_val_tRKSt9nothrow_t)

DEFINE_DELETE(_ZdlPv, (void* block), block)
DEFINE_DELETE(_ZdaPv, (void* block), block)
DEFINE_DELETE(_ZdlPvm, (void* block, size_t bytes), block, bytes)
DEFINE_DELETE(_ZdaPvm, (void* block, size_t bytes), block, bytes)
DEFINE_DELETE(_ZdlPvRKSt9nothrow_t, (void* block, Tag tag), block, tag)
DEFINE_DELETE(_ZdaPvRKSt9nothrow_t, (void* block, Tag tag), block, tag)
DEFINE_DELETE(_ZdlPvSt11align_val_t, (void* block, size_t alignment), block, alignment)
DEFINE_DELETE(_ZdaPvSt11align_val_t, (void* block, size_t alignment), block, alignment)
DEFINE_DELETE(_ZdlPvmSt11align_val_t, (void* block, size_t bytes, size_t alignment), block, bytes,
              alignment)
DEFINE_DELETE(_ZdaPvmSt11align_val_t, (void* block, size_t bytes, size_t alignment), block, bytes,
              alignment)
DEFINE_DELETE(_ZdlPvSt11align_val_tRKSt9nothrow_t, (void* block, size_t alignment, Tag tag), block,
              alignment, tag)
DEFINE_DELETE(_ZdaPvSt11align_val_tRKSt9nothrow_t, (void* block, size_t alignment, Tag tag), block,
              alignment, tag)
