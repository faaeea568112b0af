// From an instruction of a code object to its source line: CPython's three kinds of line tables.
#pragma once

#include <cstdint>

#include "reader/snapshot.h"

namespace mla {

// The line of the instruction at `offset` bytes; 0: the table does not say, or is broken. Of a code
// without a table its first line.
// Formats: Objects/lnotab_notes.txt of CPython 3.9 and 3.10, Objects/locations.md of 3.11.
uint32_t python_line(const PythonCode& code, uint64_t offset);

}  // namespace mla
