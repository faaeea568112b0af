// The functions of CPython that its objects are counted with, by the thread of object_helper.h
// alone: they take locks, allocate and run code, so nothing of this is ever called from a hook.
#pragma once

#include <cstdint>

#include "python/interpreter.h"

namespace mla {

// PyObject*: an object is only ever looked at through the functions and the offsets below.
using Object = char*;

struct PythonApi {
  int (*lock)();              // PyGILState_Ensure
  void (*unlock)(int state);  // PyGILState_Release
  int (*is_initialized)();    // without the lock, too
  // PyImport_ImportModuleLevel: what the program has in the place of __import__ is not called.
  Object (*import_level)(const char*, Object, Object, Object, int level);
  Object (*attribute)(Object, const char*);
  Object (*call)(Object callable, Object arguments);
  int64_t (*list_size)(Object);
  Object (*list_item)(Object, int64_t);  // borrowed
  int64_t (*tuple_size)(Object);
  Object (*tuple_item)(Object, int64_t);          // borrowed
  Object (*dict_item)(Object dict, const char*);  // borrowed
  int64_t (*to_integer)(Object);
  int (*is_true)(Object);
  const char* (*to_utf8)(Object);
  void (*clear_error)();
  void (*retain)(Object);                      // Py_IncRef
  void (*release)(Object);                     // Py_DecRef
  Object (*intern)(const char*);               // PyUnicode_InternFromString
  Object (*lookup)(Object type, Object name);  // _PyType_Lookup: borrowed, runs no code
  // Since 3.12: calls visit() for each object of the collector, without a list of them. Or nullptr.
  void (*visit_objects)(int (*visit)(Object, void*), void* argument);
  Object method_descriptor_type;

  Object import_gc() const { return import_level("gc", nullptr, nullptr, nullptr, 0); }
};

// False if one of them is missing.
bool find_api(const void* object, FindSymbol find, PythonApi& to);

// PyTypeObject, the same in all versions from 3.8 to 3.13.
struct TypeLayout {
  static constexpr uint32_t kName = 24;
  static constexpr uint32_t kBasicSize = 32;
  static constexpr uint32_t kItemSize = 40;
  static constexpr uint32_t kFlags = 168;
  static constexpr uint32_t kTraverse = 184;
  static constexpr uint32_t kDict = 264;
  static constexpr uint32_t kIsGc = 328;
  static constexpr uint64_t kHeapType = 1U << 9;
  static constexpr uint64_t kHasGc = 1U << 14;
};

template <class T>
T field(const char* object, uint32_t offset) {
  return *reinterpret_cast<const T*>(object + offset);
}
inline Object type_of(const char* object) { return field<Object>(object, kTypeAt); }

}  // namespace mla
