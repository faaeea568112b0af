#include "hooks/python_library.h"

#include <atomic>

#include "hooks/elf_symbols.h"
#include "python/object_helper.h"
#include "python/stack.h"
#include "segment/module_log.h"
#include "segment/settings.h"

namespace mla {

namespace {

using format::PythonMode;

// The library, if it was loaded after the start. What was there at the start stays.
std::atomic<const struct link_map*> late_library;
PythonMode wanted;
// Something in it, to ask whether it is still there.
std::atomic<const void*> late_symbol;

void* find_in(const void* object, const char* name) {
  return find_symbol(static_cast<const struct link_map*>(object), name);
}

bool attach_if_python(const struct link_map* object, PythonWish wish) {
  return find_function(object, "Py_GetVersion") != nullptr && attach_python(object, find_in, wish);
}

// Called with an object whose code is in the calling thread's stack: it cannot go away now.
void look_at(const struct link_map* object) {
  if (late_library.load(std::memory_order_relaxed) != nullptr ||
      !attach_if_python(object, {true, wanted})) {
    return;
  }
  late_symbol.store(find_symbol(object, "Py_GetVersion"), std::memory_order_relaxed);
  late_library.store(object, std::memory_order_release);
}

}  // namespace

void find_python(const Settings& settings) {
  wanted = settings.python;
  const auto in_process = [](const char* name) -> void* {
    const struct link_map* definer = find_definer(nullptr, name);
    return definer == nullptr ? nullptr : find_function(definer, name);
  };
  set_thread_functions(reinterpret_cast<StartThread>(in_process("pthread_create")),
                       reinterpret_cast<int (*)(unsigned long)>(in_process("pthread_detach")));
  for (const struct link_map* o = first_object(); o != nullptr; o = o->l_next) {
    if (attach_if_python(o, {false, wanted})) return;
  }
  module_appeared = look_at;
}

PythonUnloadScope::PythonUnloadScope() {
  if (late_library.load(std::memory_order_acquire) != nullptr) pause_python();
}

PythonUnloadScope::~PythonUnloadScope() {
  const struct link_map* library = late_library.load(std::memory_order_acquire);
  if (library == nullptr) return;
  if (object_of(late_symbol.load(std::memory_order_relaxed)) == library) {
    resume_python();
  } else {
    late_library.store(nullptr, std::memory_order_release);
    forget_python();
  }
}

}  // namespace mla
