// Code objects of Python, each copied into the segment once: names, first line, line table.
//
// * An id is one of contents, not of an object: a function that is compiled anew for each request
//   stays one function.
// * From an object's address to its id leads a cache that also holds what the object is recognised
//   by (PythonFrame::check), since another one may be at its address by now. It has a fixed size,
//   one word an entry, and is shared by all threads without a lock; what it lost is looked up by
//   contents again.
#pragma once

#include <cstdint>

#include "format/format.h"
#include "python/layout.h"

namespace mla {

// The types of the objects a code object consists of.
struct PythonTypes {
  uintptr_t code;
  uintptr_t text;   // str
  uintptr_t bytes;  // of line tables
};

// Before use. False if there is no memory.
bool open_code_table(const PythonLayout& layout, const PythonTypes& types);

// The id of the code object at `address`, copied if it is new. kNone when there is no room, or when
// it is not what it should be.
format::PythonCodeId code_id_of(uintptr_t address, uint64_t check);

// In a forked child, see IdIndex.
void reset_code_table_after_fork();

}  // namespace mla
