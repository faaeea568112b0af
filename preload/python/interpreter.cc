#include "python/interpreter.h"

#include "python/memory.h"

namespace mla {

namespace {

template <class F>
bool bind(const void* object, FindSymbol find, const char* name, F& to) {
  void* symbol = find(object, name);
  to = reinterpret_cast<F>(symbol);
  return symbol != nullptr;
}

constexpr uint16_t kVersion37 = 0x0307;
constexpr uint16_t kVersion312 = 0x030c;
constexpr uint16_t kVersion313 = 0x030d;

bool agrees_with_published(const void* object, FindSymbol find, const PythonLayout& layout) {
  const uint64_t* words = nullptr;
  return bind(object, find, "_PyRuntime", words) && format::agrees_with_published(words, layout);
}

uintptr_t own_thread_id() {
#if defined(__x86_64__)
  uintptr_t id = 0;
  __asm__("mov %%fs:0x10, %0" : "=r"(id));  // what pthread_self() returns
  return id;
#else
  return 0;
#endif
}

// Whether a thread state, which may be another thread's and be freed any moment, is this thread's.
bool is_own(const Interpreter& python, uintptr_t state) {
  CheckedMemory memory;
  uintptr_t id = 0;
  return state != 0 && memory.load(state + python.layout.thread_id, id) && id == own_thread_id();
}

}  // namespace

bool find_interpreter(const void* object, FindSymbol find, Interpreter& to, const char*& why) {
  to = {};
  const char* (*version)() = nullptr;
  why = "its version is not one whose frames mla knows";
  if (!bind(object, find, "Py_GetVersion", version)) return false;
  const PythonLayout* layout = find_python_layout(version());
  if (layout == nullptr) return false;
  to.layout = *layout;
  const bool is_python2 = layout->version < 0x0300;
  uintptr_t type_type = 0;
  bool found = bind(object, find, "PyCode_Type", to.types.code) &&
               bind(object, find, "PyType_Type", type_type) &&
               bind(object, find, is_python2 ? "PyString_Type" : "PyUnicode_Type", to.types.text) &&
               bind(object, find, is_python2 ? "PyString_Type" : "PyBytes_Type", to.types.bytes);
  if (is_python2) {
    found = found && bind(object, find, "_PyThreadState_Current", to.current_variable);
  } else {
    found = found && bind(object, find, "PyGILState_GetThisThreadState", to.of_thread) &&
            (bind(object, find, "_PyThreadState_UncheckedGet", to.current) ||
             bind(object, find, "PyThreadState_GetUnchecked", to.current)) &&
            (bind(object, find, "_Py_IsFinalizing", to.is_finalizing) ||
             bind(object, find, "Py_IsFinalizing", to.is_finalizing)) &&
            bind(object, find, "PyInterpreterState_Head", to.first_interpreter) &&
            bind(object, find, "PyInterpreterState_Main", to.main_interpreter);
  }
  why = "it does not export what mla needs";
  if (!found) return false;
  CheckedMemory memory;
  uintptr_t type = 0;
  uint64_t size = 0;
  why = "its build lays out objects in another way";
  return memory.load(to.types.code + 8, type) && type == type_type &&
         memory.load(to.types.code + 32, size) && size == layout->code_size &&
         (layout->version < kVersion313 || agrees_with_published(object, find, *layout));
}

uintptr_t thread_state(const Interpreter& python) {
  if (python.layout.version < kVersion37) {
    const uintptr_t state = __atomic_load_n(python.current_variable, __ATOMIC_ACQUIRE);
    return is_own(python, state) ? state : 0;
  }
  // After finalisation began other threads' states may go away; theirs that holds the GIL does not.
  if (python.layout.version >= kVersion312) {
    const uintptr_t state = python.current();
    return state != 0 || python.is_finalizing() != 0 ? state : python.of_thread();
  }
  const uintptr_t state = python.of_thread();
  if (__builtin_expect(python.current() == state, 1)) return state;
  if (python.is_finalizing() != 0) return 0;
  // With subinterpreters a thread has a state in each; the one that holds the GIL is running.
  if (__builtin_expect(python.first_interpreter() != python.main_interpreter(), 0)) {
    const uintptr_t holder = python.current();
    if (holder != state && is_own(python, holder)) return holder;
  }
  return state;
}

bool holds_gil(const Interpreter& python) {
  if (python.layout.version < kVersion37 || python.is_finalizing() != 0) return false;
  const uintptr_t holder = python.current();
  return holder != 0 && (python.layout.version >= kVersion312 || holder == python.of_thread() ||
                         is_own(python, holder));
}

}  // namespace mla
