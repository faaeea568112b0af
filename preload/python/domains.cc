#include "python/domains.h"

#include <unistd.h>

#include "capture/allocator_service.h"
#include "capture/arenas.h"
#include "capture/recorder.h"
#include "segment/segment_file.h"
#include "segment/settings.h"
#include "segment/text.h"

namespace mla {

namespace {

enum Domain : int { kRaw = 0, kMem = 1, kObject = 2 };  // PyMemAllocatorDomain

// PyMemAllocatorEx, since 3.5.
struct DomainTable {
  void* context;
  void* (*malloc)(void* context, size_t bytes);
  void* (*calloc)(void* context, size_t count, size_t size);
  void* (*realloc)(void* context, void* block, size_t bytes);
  void (*free)(void* context, void* block);
};

// PyObjectArenaAllocator
struct ArenaTable {
  void* context;
  void* (*alloc)(void* context, size_t bytes);
  void (*free)(void* context, void* arena, size_t bytes);
};

// A wrapper in one place of the chain: what it stands in front of.
struct Layer {
  DomainTable below;
  const DomainTable* first;  // what the domain was before anyone wrapped it
  Domain domain;
  uint16_t bit;  // in ThreadLocal::in_domains
};

struct Functions {
  void (*get)(int domain, DomainTable* table);
  void (*set)(int domain, const DomainTable* table);
  void (*get_arena)(ArenaTable* table);
  void (*set_arena)(const ArenaTable* table);
};

constexpr uint32_t kMostLayers = 16;
Functions functions;
Layer layers[kMostLayers];
uint32_t layer_count;
DomainTable first_mem;
DomainTable first_object;
ArenaTable first_arena;
bool with_objects;

// A call of a domain. Wrappers may be in one another, as ours may be on both sides of a debugging
// allocator: the outermost one records what is allocated. A wrapper that is entered once more by
// what it called stands in a ring, which only a call of the first table leaves.
class DomainCall {
 public:
  __attribute__((always_inline)) explicit DomainCall(const Layer& layer)
      : outer_(calls_around()), below_((outer_ & layer.bit) != 0 ? *layer.first : layer.below) {
    ThreadLocal& local = thread_local_state;
    local.in_domains = outer_ | layer.bit;
    if (outer_ == 0) {
      local.domains_at = here();
      local.last_recorded = 0;
    }
    countdown_ = local.countdown;
  }
  ~DomainCall() { thread_local_state.in_domains = outer_; }
  DomainCall(const DomainCall&) = delete;
  DomainCall& operator=(const DomainCall&) = delete;

  const DomainTable& below() const { return below_; }

  void record(const void* block, size_t bytes, const CallContext& from) const {
    if (outer_ != 0 || block == nullptr || is_mallocs(block)) return;
    record_allocation<BlockKind::kObject>(block, bytes, from);
  }

 private:
  __attribute__((always_inline)) static uintptr_t here() {
    return reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
  }
  // A handler may have left by siglongjmp out of a call: its frame is gone if this one is as far
  // out on the stack.
  __attribute__((always_inline)) static uint16_t calls_around() {
    const ThreadLocal& local = thread_local_state;
    return local.in_domains != 0 && here() >= local.domains_at ? 0 : local.in_domains;
  }

  // A debugging allocator puts up to 16 bytes in front of what malloc served. With sampling most
  // blocks are recorded nowhere, but a hook that was called has counted down.
  bool is_mallocs(const void* block) const {
    constexpr uintptr_t kMostInFront = 16;
    const ThreadLocal& local = thread_local_state;
    return reinterpret_cast<uintptr_t>(block) - local.last_recorded <= kMostInFront ||
           local.countdown != countdown_;
  }

  uint16_t outer_;
  const DomainTable& below_;
  int64_t countdown_;
};

void* domain_malloc(void* context, size_t bytes) {
  const DomainCall call(*static_cast<const Layer*>(context));
  void* block = call.below().malloc(call.below().context, bytes);
  call.record(block, bytes, MLA_CALL_CONTEXT());
  return block;
}

void* domain_calloc(void* context, size_t count, size_t size) {
  const DomainCall call(*static_cast<const Layer*>(context));
  void* block = call.below().calloc(call.below().context, count, size);
  call.record(block, count * size, MLA_CALL_CONTEXT());
  return block;
}

void* domain_realloc(void* context, void* old, size_t bytes) {
  const DomainCall call(*static_cast<const Layer*>(context));
  const LiveBlock taken = take_block<BlockKind::kObject>(old);
  void* block = call.below().realloc(call.below().context, old, bytes);
  if (block == nullptr) {
    restore_block(old, taken);
    return nullptr;
  }
  count_free(taken);
  call.record(block, bytes, MLA_CALL_CONTEXT());
  return block;
}

void domain_free(void* context, void* block) {
  const DomainCall call(*static_cast<const Layer*>(context));
  if (block != nullptr) record_free<BlockKind::kObject>(block);
  call.below().free(call.below().context, block);
}

bool same(const DomainTable& a, const DomainTable& b) {
  return a.context == b.context && a.malloc == b.malloc && a.realloc == b.realloc &&
         a.free == b.free;
}

// The layer in front of a table: of a domain that is wrapped and unwrapped by turns the same.
Layer* layer_before(Domain domain, const DomainTable& below) {
  for (uint32_t i = 0; i < layer_count; ++i) {
    if (layers[i].domain == domain && same(layers[i].below, below)) return layers + i;
  }
  if (layer_count == kMostLayers) return nullptr;
  Layer* layer = layers + layer_count;
  *layer = {below, domain == kMem ? &first_mem : &first_object, domain,
            static_cast<uint16_t>(1U << layer_count)};
  ++layer_count;
  return layer;
}

void wrap(Domain domain) {
  DomainTable now{};
  functions.get(domain, &now);
  if (now.malloc == domain_malloc) return;
  DomainTable raw{};
  functions.get(kRaw, &raw);
  if (now.malloc == raw.malloc) return;  // PYTHONMALLOC=malloc: the hooks see all of it
  Layer* layer = layer_before(domain, now);
  if (layer == nullptr) return;
  const DomainTable ours = {layer, domain_malloc, domain_calloc, domain_realloc, domain_free};
  functions.set(domain, &ours);
}

void* arena_alloc(void*, size_t bytes) {
  void* arena = nullptr;
  if (with_objects) {
    // Its objects are recorded, so that it is none of the program's mappings.
    const UnrecordedScope unrecorded;
    arena = first_arena.alloc(first_arena.context, bytes);
  } else {
    arena = first_arena.alloc(first_arena.context, bytes);
  }
  if (arena != nullptr) note_arena(reinterpret_cast<uintptr_t>(arena), bytes);
  return arena;
}

void arena_free(void*, void* arena, size_t bytes) {
  forget_arena(reinterpret_cast<uintptr_t>(arena), bytes);
  if (with_objects) {
    const UnrecordedScope unrecorded;
    first_arena.free(first_arena.context, arena, bytes);
  } else {
    first_arena.free(first_arena.context, arena, bytes);
  }
}

// Of someone else's arena allocator nothing is known: it may have arenas of ours.
void wrap_arenas() {
  ArenaTable now{};
  functions.get_arena(&now);
  if (now.alloc != first_arena.alloc) return;
  const ArenaTable ours = {nullptr, arena_alloc, arena_free};
  functions.set_arena(&ours);
}

template <class F>
bool bind(const void* object, FindSymbol find, const char* name, F& to) {
  to = reinterpret_cast<F>(find(object, name));
  return to != nullptr;
}

}  // namespace

bool wrap_domains(const void* object, FindSymbol find, bool objects, const char*& why) {
  why = "it does not say where it gets its arenas from";
  if (!bind(object, find, "PyObject_GetArenaAllocator", functions.get_arena) ||
      !bind(object, find, "PyObject_SetArenaAllocator", functions.set_arena)) {
    functions = {};
    return false;
  }
  why = "it does not let its allocators be wrapped";
  const char* chosen = find_variable(environ, "PYTHONMALLOC");
  const bool possible = bind(object, find, "PyMem_GetAllocator", functions.get) &&
                        bind(object, find, "PyMem_SetAllocator", functions.set);
  with_objects = objects && possible;
  if (with_objects && chosen != nullptr && starts_with(chosen, "mimalloc")) {
    why = "its mimalloc is not known to mla";  // it takes blocks of all sizes from the kernel
    with_objects = false;
  }
  functions.get_arena(&first_arena);
  wrap_arenas();
  if (!with_objects) return !objects;
  functions.get(kMem, &first_mem);
  functions.get(kObject, &first_object);
  wrap(kMem);
  wrap(kObject);
  return true;
}

void check_domains(const Interpreter& python) {
  if (functions.get_arena == nullptr || !holds_gil(python)) return;
  const AllocatorQuestion question;  // keeps errno, which the locks of these functions may set
  wrap_arenas();
  if (!with_objects) return;
  wrap(kMem);
  wrap(kObject);
}

}  // namespace mla
