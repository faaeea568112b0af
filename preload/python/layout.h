// Where CPython keeps what a stack is read from: offsets in bytes, by version, for 64-bit builds.
//
// Read out of running interpreters of 2.7.18, 3.7.16, 3.8.18, 3.9.18, 3.10.13, 3.11.2, 3.11.7,
// 3.12.1 and 3.13.0. Within a minor version the layout is fixed once it is released; a build that
// differs (Py_TRACE_REFS, free-threaded) is told by the size of its code objects, by the header of
// its types, or by what it says of itself since 3.13.
#pragma once

#include <cstdint>

#include "format/format.h"

namespace mla {

struct PythonLayout {
  enum class Position : uint8_t {
    kBytes,    // int: offset of the instruction in bytes
    kUnits,    // int: the same in units of two bytes
    kPointer,  // of the instruction, or of the one before it
  };
  static constexpr uint16_t kAbsent = 0xffff;

  uint16_t version;  // major << 8 | minor

  // PyThreadState
  uint16_t thread_frame;  // the innermost frame, or the _PyCFrame that has it at cframe_frame
  uint16_t cframe_frame;
  uint16_t thread_id;  // as pthread_self()

  // PyFrameObject, since 3.11 _PyInterpreterFrame
  uint16_t code;
  uint16_t previous;
  uint16_t position;
  Position position_kind;
  uint16_t is_entry;  // outermost of its group; absent: every frame is, or `owner` says
  uint16_t owner;     // kShimOwner: a C frame, that lies further out than its group

  // PyCodeObject
  uint16_t code_size;  // tp_basicsize
  uint16_t first_line;
  uint16_t file;
  uint16_t name;
  uint16_t lines;
  uint16_t traceable;     // first unit that is the program's; absent: of all code it is some unit
  uint16_t instructions;  // where kPointer counts from

  // PyUnicodeObject, compact, and PyBytesObject: where the characters are
  uint16_t ascii_text;
  uint16_t unicode_text;
  uint16_t bytes;
  format::PythonLines lines_format;
};

inline constexpr uint8_t kShimOwner = 3;  // FRAME_OWNED_BY_CSTACK

// nullptr: not a version whose layout is known. `text` as of Py_GetVersion: "3.11.2 (main, ...".
const PythonLayout* find_python_layout(const char* text);

}  // namespace mla
