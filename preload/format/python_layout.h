// Where CPython keeps what a stack is read from: offsets in bytes, by version, for 64-bit builds.
//
// Read out of running interpreters of 2.7.18, 3.7.16, 3.8.18, 3.9.18, 3.10.13, 3.11.2, 3.11.7,
// 3.12.1 and 3.13.0. Within a minor version the layout is fixed once it is released; a build that
// differs (Py_TRACE_REFS, free-threaded) is told by the size of its code objects, by the header of
// its types, or by what it says of itself since 3.13.
//
// The preload reads them from inside, `mla stacks` from outside and out of core files.
#pragma once

#include <cstdint>

#include "format/records.h"

namespace mla::format {

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
  PythonLines lines_format;
};

inline constexpr uint8_t kShimOwner = 3;  // FRAME_OWNED_BY_CSTACK

// How to come to the thread states from outside, where no function can be called.
struct PythonThreadsLayout {
  uint16_t version;
  uint16_t first_interpreter;  // in _PyRuntime; 2.7 has a variable, interp_head
  uint16_t next_interpreter;   // in PyInterpreterState
  uint16_t first_thread;       // in PyInterpreterState
  uint16_t next_thread;        // in PyThreadState
  uint16_t gil;                // in _PyRuntime; since 3.12 in PyInterpreterState, a pointer
};
// struct _gil_runtime_state
inline constexpr uint16_t kGilHolder = 8;   // the thread state that has it, or had it last
inline constexpr uint16_t kGilLocked = 16;  // int: 1, else nobody has it
inline constexpr uint16_t kGilBytes = 208;

// Since 3.13 an interpreter publishes its offsets: `struct _Py_DebugOffsets` of pycore_runtime.h,
// at the beginning of _PyRuntime, words of 8 bytes.
enum PythonPublished : uint32_t {
  kPublishedCookie = 0,
  kPublishedVersion = 1,
  kPublishedFreeThreaded = 2,
  kPublishedFirstInterpreter = 5,
  kPublishedNextInterpreter = 8,
  kPublishedFirstThread = 9,
  kPublishedGil = 14,
  kPublishedNextThread = 21,
  kPublishedCurrentFrame = 23,
  kPublishedFrame = 28,  // of struct _PyInterpreterFrame, then those of PyCodeObject
  kPublishedWords = 44,
};
inline constexpr uint64_t kPublishedMagic = 0x7970677562656478;  // "xdebugpy"

namespace python {
using Position = PythonLayout::Position;
inline constexpr uint16_t kNo = PythonLayout::kAbsent;

// Columns as the members of PythonLayout.
// clang-format off
inline constexpr PythonLayout kLayouts[] = {
    {0x0207, 16, kNo, 144, 32, 24, 120, Position::kBytes, kNo, kNo,
     128, 96, 80, 88, 104, kNo, kNo, 36, kNo, 36, PythonLines::kUnsignedLnotab},
    {0x0307, 24, kNo, 176, 32, 24, 104, Position::kBytes, kNo, kNo,
     144, 36, 96, 104, 112, kNo, kNo, 48, 72, 32, PythonLines::kLnotab},
    {0x0308, 24, kNo, 176, 32, 24, 104, Position::kBytes, kNo, kNo,
     176, 40, 104, 112, 120, kNo, kNo, 48, 72, 32, PythonLines::kLnotab},
    {0x0309, 24, kNo, 176, 32, 24, 104, Position::kBytes, kNo, kNo,
     176, 40, 104, 112, 120, kNo, kNo, 48, 72, 32, PythonLines::kLnotab},
    {0x030a, 24, kNo, 176, 32, 24, 96, Position::kUnits, kNo, kNo,
     176, 40, 104, 112, 120, kNo, kNo, 48, 72, 32, PythonLines::kLinetable},
    {0x030b, 56, 8, 152, 32, 48, 56, Position::kPointer, 68, kNo,
     184, 72, 112, 128, 136, kNo, 184, 48, 72, 32, PythonLines::kLocations},
    {0x030c, 56, 0, 136, 0, 8, 56, Position::kPointer, kNo, 70,
     192, 68, 112, 128, 136, kNo, 192, 40, 56, 32, PythonLines::kLocations},
    {0x030d, 72, kNo, 152, 0, 8, 56, Position::kPointer, kNo, 70,
     200, 68, 112, 128, 136, 184, 200, 40, 56, 32, PythonLines::kLocations},
};

// Of 3.13 and later: published.
inline constexpr PythonThreadsLayout kThreads[] = {
    {0x0207,   0, 0,  8, 0,    0},  // interp_head instead
    {0x0307,  24, 0,  8, 8, 1264},
    {0x0308,  32, 0,  8, 8, 1152},
    {0x0309,  32, 0,  8, 8,  352},
    {0x030a,  32, 0,  8, 8,  352},
    {0x030b,  40, 0, 16, 8,  360},
    {0x030c,  40, 0, 72, 8,  384},
};
// clang-format on

constexpr uint32_t read_number(const char*& at) {
  uint32_t value = 0;
  for (; *at >= '0' && *at <= '9' && value < 1000; ++at) {
    value = value * 10 + static_cast<uint32_t>(*at - '0');
  }
  return value;
}
}  // namespace python

// nullptr: not a version whose layout is known. `text` as of Py_GetVersion: "3.11.2 (main, ...".
constexpr const PythonLayout* find_python_layout(const char* text) {
  const uint32_t major = python::read_number(text);
  if (*text++ != '.') return nullptr;
  const uint32_t minor = python::read_number(text);
  if (*text++ != '.' || major > 255 || minor > 255) return nullptr;
  python::read_number(text);
  if (*text == 'a' || *text == 'b') return nullptr;  // alphas and betas change from one to another
  for (const PythonLayout& layout : python::kLayouts) {
    if (layout.version == (major << 8 | minor)) return &layout;
  }
  return nullptr;
}

// nullptr: published, or not known.
constexpr const PythonThreadsLayout* find_python_threads_layout(uint16_t version) {
  for (const PythonThreadsLayout& layout : python::kThreads) {
    if (layout.version == version) return &layout;
  }
  return nullptr;
}

// Whether the words that an interpreter publishes are those of the table.
inline bool agrees_with_published(const uint64_t* words, const PythonLayout& layout) {
  const uint64_t* frame = words + kPublishedFrame;
  const uint64_t* code = frame + 6;
  return words[kPublishedCookie] == kPublishedMagic &&
         words[kPublishedVersion] >> 16 == layout.version && words[kPublishedFreeThreaded] == 0 &&
         words[kPublishedCurrentFrame] == layout.thread_frame && frame[1] == layout.previous &&
         frame[2] == layout.code && frame[3] == layout.position && frame[5] == layout.owner &&
         code[1] == layout.file && code[3] == layout.name && code[4] == layout.lines &&
         code[5] == layout.first_line && code[9] == layout.instructions;
}

}  // namespace mla::format
