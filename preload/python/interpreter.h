// The CPython of this process, and the thread state of the calling thread.
//
// Of CPython only functions are called that return what a variable holds: they allocate nothing,
// take no lock and run no code. Never in malloc: PyGILState_Ensure (deadlocks), PyFrame_*,
// PyCode_Addr2Line, PyUnicode_AsUTF8.
#pragma once

#include <cstdint>

#include "python/code_table.h"
#include "python/layout.h"

namespace mla {

// Finds a symbol of one loaded object; nullptr if it defines none of that name.
using FindSymbol = void* (*)(const void* object, const char* name);

struct Interpreter {
  PythonLayout layout;
  PythonTypes types;
  uintptr_t (*of_thread)();           // PyGILState_GetThisThreadState
  uintptr_t (*current)();             // since 3.12 of this thread, else of who holds the GIL
  const uintptr_t* current_variable;  // of 2.7, which has no function for it
  int (*is_finalizing)();
  uintptr_t (*first_interpreter)();
  uintptr_t (*main_interpreter)();
};

// Fills `to` from the symbols of a loaded object that defines Py_GetVersion. False, with the reason
// in `why`, if its stacks cannot be read.
bool find_interpreter(const void* object, FindSymbol find, Interpreter& to, const char*& why);

// The thread state whose frames the calling thread runs; 0: none, or none that can be trusted now.
uintptr_t thread_state(const Interpreter& python);

// Whether the calling thread holds the GIL, in an interpreter that is not about to end.
bool holds_gil(const Interpreter& python);

}  // namespace mla
