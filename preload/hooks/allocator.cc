#include "hooks/allocator.h"

#include <gnu/libc-version.h>

#include "capture/lifecycle.h"
#include "segment/text.h"

namespace mla {

// constinit: filled before constructors run, and none of its own may undo that.
constinit Allocator allocator{};

namespace {

template <class Signature>
void bind(const struct link_map* library, const char* name, Entry<Signature>& entry) {
  entry.bind(reinterpret_cast<typename Entry<Signature>::Function>(find_function(library, name)));
}

void bind_all(const struct link_map* library) {
  bind(library, "malloc", allocator.malloc);
  bind(library, "calloc", allocator.calloc);
  bind(library, "realloc", allocator.realloc);
  bind(library, "free", allocator.free);
  bind(library, "posix_memalign", allocator.posix_memalign);
  bind(library, "aligned_alloc", allocator.aligned_alloc);
  bind(library, "memalign", allocator.memalign);
  bind(library, "malloc_usable_size", allocator.malloc_usable_size);
  bind(library, "valloc", allocator.valloc);
  bind(library, "pvalloc", allocator.pvalloc);
  bind(library, "free_sized", allocator.free_sized);
  bind(library, "free_aligned_sized", allocator.free_aligned_sized);
  allocator.library = library;
  allocator.kind = kind_of(library);
  allocator.range = range_of(library);
}

bool is_complete(const struct link_map* library) {
  constexpr const char* kRequired[] = {
      "malloc",         "calloc",        "realloc",  "free",
      "posix_memalign", "aligned_alloc", "memalign", "malloc_usable_size"};
  for (const char* name : kRequired) {
    if (find_function(library, name) == nullptr) return false;
  }
  return true;
}

// The first object behind libmla.so that can serve as an allocator.
const struct link_map* next_allocator() {
  for (const struct link_map* o = find_definer(own_object(), "malloc"); o != nullptr;
       o = find_definer(o, "malloc")) {
    if (is_complete(o)) return o;
  }
  return nullptr;
}

bool same_file(const struct link_map* object, const char* path) {
  return object->l_name != nullptr && same_text(base_name(object->l_name), base_name(path));
}

const struct link_map* wanted_library(const char* wanted) {
  if (wanted[0] != '/') return loaded_allocator(kind_named(wanted));
  for (const struct link_map* o = own_object()->l_next; o != nullptr; o = o->l_next) {
    if (same_file(o, wanted) && is_complete(o)) return o;
  }
  return nullptr;
}

// "5.3.0-0-g54eaed1d..." and the like; nullptr if the library does not say.
const char* version_of(const Allocator& a, char* buffer, size_t capacity) {
  Text text(buffer, capacity);
  switch (a.kind) {
    case AllocatorKind::kPtmalloc:
      return text.add("glibc ").add(gnu_get_libc_version()).c_str();
    case AllocatorKind::kJemalloc: {
      using Mallctl = int (*)(const char*, void*, size_t*, void*, size_t);
      const auto mallctl = reinterpret_cast<Mallctl>(find_function(a.library, "mallctl"));
      const char* version = nullptr;
      size_t bytes = sizeof version;
      if (mallctl == nullptr || mallctl("version", &version, &bytes, nullptr, 0) != 0)
        return nullptr;
      return version;
    }
    case AllocatorKind::kTcmalloc: {
      using Version = const char* (*)(int*, int*, const char**);
      const auto version = reinterpret_cast<Version>(find_function(a.library, "tc_version"));
      int major = 0;
      int minor = 0;
      const char* patch = nullptr;
      return version == nullptr ? nullptr : version(&major, &minor, &patch);
    }
    case AllocatorKind::kMimalloc: {
      using Version = int (*)();
      const auto version = reinterpret_cast<Version>(find_function(a.library, "mi_version"));
      if (version == nullptr) return nullptr;
      const auto v = static_cast<uint64_t>(version());  // 209 is 2.0.9
      text.add_number(v / 100).add(".").add_number(v / 10 % 10).add(".").add_number(v % 10);
      return text.c_str();
    }
    case AllocatorKind::kOther:
      return nullptr;
  }
  return nullptr;
}

}  // namespace

const struct link_map* own_object() {
  static const struct link_map* self = object_of(&allocator);
  return self;
}

AllocatorKind kind_of(const struct link_map* library) {
  if (find_function(library, "gnu_get_libc_version") != nullptr) return AllocatorKind::kPtmalloc;
  if (find_function(library, "mallctl") != nullptr) return AllocatorKind::kJemalloc;
  if (find_function(library, "tc_version") != nullptr) return AllocatorKind::kTcmalloc;
  if (find_function(library, "mi_version") != nullptr) return AllocatorKind::kMimalloc;
  return AllocatorKind::kOther;
}

const char* name_of(AllocatorKind kind) {
  switch (kind) {
    case AllocatorKind::kPtmalloc:
      return "ptmalloc2";
    case AllocatorKind::kJemalloc:
      return "jemalloc";
    case AllocatorKind::kTcmalloc:
      return "tcmalloc";
    case AllocatorKind::kMimalloc:
      return "mimalloc";
    case AllocatorKind::kOther:
      return "other";
  }
  return "other";
}

AllocatorKind kind_named(const char* name) {
  constexpr AllocatorKind kNamed[] = {AllocatorKind::kPtmalloc, AllocatorKind::kJemalloc,
                                      AllocatorKind::kTcmalloc, AllocatorKind::kMimalloc};
  for (const AllocatorKind kind : kNamed) {
    if (same_text(name, name_of(kind))) return kind;
  }
  return AllocatorKind::kOther;
}

const struct link_map* loaded_allocator(AllocatorKind kind) {
  for (const struct link_map* o = find_definer(own_object(), "malloc"); o != nullptr;
       o = find_definer(o, "malloc")) {
    if (kind_of(o) == kind && is_complete(o)) return o;
  }
  return nullptr;
}

bool choose_allocator(const char* wanted) {
  const struct link_map* chosen = wanted == nullptr ? nullptr : wanted_library(wanted);
  const bool found = wanted == nullptr || chosen != nullptr;
  if (chosen == nullptr) chosen = next_allocator();
  if (chosen != nullptr) bind_all(chosen);
  return found;
}

void describe_serving_allocator() {
  char buffer[64];
  const char* path = allocator.library == nullptr ? nullptr : allocator.library->l_name;
  const char* name = name_of(allocator.kind);
  if (allocator.kind == AllocatorKind::kOther && path != nullptr) name = base_name(path);
  describe_allocator(name, version_of(allocator, buffer, sizeof buffer), path);
}

}  // namespace mla
