// operator new and delete, all replaceable forms.
//
// libstdc++'s own call malloc and free and would be recorded there, but jemalloc, tcmalloc and
// mimalloc bring operators that bypass malloc. Plain forms are therefore served by the
// allocator's malloc and free directly, unless a library of the program replaces the operator (then
// it decides, and is only forwarded to). A failed request goes to the real operator, which calls
// the new handler and throws: no state of mla's is held while an exception passes through.
#include <errno.h>

#include <atomic>

#include "hooks/hook.h"
#include "segment/text.h"

namespace {

using mla::allocator;
using mla::CallContext;

// Raised by dlclose: an operator may have gone with its library.
std::atomic<uint32_t> operator_epoch{1};

bool is_cxx_library(const struct link_map* o) {
  const char* file = mla::base_name(o->l_name);
  return mla::starts_with(file, "libstdc++.") || mla::starts_with(file, "libc++");
}

bool is_allocator(const struct link_map* o) { return mla::find_function(o, "malloc") != nullptr; }

// Whether the program, or a library of it, replaces one of the operators that the others are
// defined to call: then none of them may be served past it.
bool is_base_replaced() {
  constexpr const char* kBases[] = {"_Znwm", "_ZdlPv", "_ZnwmSt11align_val_t",
                                    "_ZdlPvSt11align_val_t"};
  for (const struct link_map* o = mla::first_object(); o != nullptr; o = o->l_next) {
    if (mla::object_of(o->l_ld) != o) return false;  // unloaded meanwhile: so is its name
    if (o == mla::own_object() || is_cxx_library(o)) continue;
    for (const char* base : kBases) {
      if (mla::find_function(o, base) != nullptr && !is_allocator(o)) return true;
    }
  }
  return false;
}

// One operator: who defines it behind libmla.so.
class Operator {
 public:
  explicit constexpr Operator(const char* name) : name_(name) {}

  // The allocator's malloc and free do what the definition would do.
  bool is_direct() { return (flags() & kDirect) != 0; }
  // The definition is the serving allocator's.
  bool serves() { return (flags() & kServes) != 0; }
  template <class F>
  F original() {
    flags();
    return reinterpret_cast<F>(real_.load(std::memory_order_relaxed));
  }

 private:
  static constexpr uint32_t kDirect = 1;
  static constexpr uint32_t kServes = 2;

  uint32_t flags() {
    // Acquire: pairs with the release in resolve().
    if (__builtin_expect(epoch_.load(std::memory_order_acquire) !=
                             operator_epoch.load(std::memory_order_relaxed),
                         0)) {
      refresh();
    }
    return flags_.load(std::memory_order_relaxed);
  }
  // Some library was unloaded. The list of libraries is only walked if it was this operator's:
  // another thread may be unloading the next one, and no lock may be taken here.
  void refresh() {
    const uint32_t epoch = operator_epoch.load(std::memory_order_relaxed);
    const void* real = real_.load(std::memory_order_relaxed);
    if (real == nullptr || mla::object_of(real) != definer_.load(std::memory_order_relaxed)) {
      resolve();
    } else {
      epoch_.store(epoch, std::memory_order_release);
    }
  }
  void resolve() {
    const uint32_t epoch = operator_epoch.load(std::memory_order_relaxed);
    const bool replaced = is_base_replaced();
    for (const struct link_map* o = mla::find_definer(mla::own_object(), name_); o != nullptr;
         o = mla::find_definer(o, name_)) {
      const bool of_allocator = o == allocator.library;
      // The operators of an allocator that does not serve would give out foreign blocks.
      if (!of_allocator && is_allocator(o)) continue;
      real_.store(mla::find_function(o, name_), std::memory_order_relaxed);
      definer_.store(o, std::memory_order_relaxed);
      const bool direct = !replaced && (of_allocator || is_cxx_library(o));
      flags_.store((direct ? kDirect : 0) | (of_allocator ? kServes : 0),
                   std::memory_order_relaxed);
      epoch_.store(epoch, std::memory_order_release);
      return;
    }
    flags_.store(kDirect, std::memory_order_relaxed);  // not kept: the C++ library may come later
  }

  const char* name_;
  std::atomic<void*> real_{nullptr};
  std::atomic<const struct link_map*> definer_{nullptr};
  std::atomic<uint32_t> flags_{0};
  std::atomic<uint32_t> epoch_{0};
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
  mla::begin_outer_allocation();
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
  if (real == nullptr || op.serves()) {
    void* block = allocator.memalign(alignment, bytes == 0 ? 1 : bytes);
    if (__builtin_expect(block != nullptr, 1)) {
      mla::record_allocation(block, bytes, from);
      return block;
    }
    if (real == nullptr) return nullptr;
  }
  mla::begin_outer_allocation();
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

void mla::forget_operators() { operator_epoch.fetch_add(1, std::memory_order_relaxed); }

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
