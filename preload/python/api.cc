#include "python/api.h"

namespace mla {

namespace {

template <class F>
bool bind(const void* object, FindSymbol find, const char* name, F& to) {
  to = reinterpret_cast<F>(find(object, name));
  return to != nullptr;
}

}  // namespace

bool find_api(const void* object, FindSymbol find, PythonApi& to) {
  const auto get = [&](const char* name, auto& function) {
    return bind(object, find, name, function);
  };
  get("PyUnstable_GC_VisitObjects", to.visit_objects);
  return get("PyGILState_Ensure", to.lock) && get("PyGILState_Release", to.unlock) &&
         get("Py_IsInitialized", to.is_initialized) && get("Py_IncRef", to.retain) &&
         get("PyImport_ImportModuleLevel", to.import_level) &&
         get("PyObject_GetAttrString", to.attribute) && get("PyObject_CallObject", to.call) &&
         get("PyList_Size", to.list_size) && get("PyList_GetItem", to.list_item) &&
         get("PyTuple_Size", to.tuple_size) && get("PyTuple_GetItem", to.tuple_item) &&
         get("PyDict_GetItemString", to.dict_item) && get("PyLong_AsSsize_t", to.to_integer) &&
         get("PyObject_IsTrue", to.is_true) && get("PyUnicode_AsUTF8", to.to_utf8) &&
         get("PyErr_Clear", to.clear_error) && get("Py_DecRef", to.release) &&
         get("PyUnicode_InternFromString", to.intern) && get("_PyType_Lookup", to.lookup) &&
         get("PyMethodDescr_Type", to.method_descriptor_type);
}

}  // namespace mla
