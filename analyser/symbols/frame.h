// One line of a symbolised stack.
#pragma once

#include <cstdint>
#include <string>

namespace mla {

enum class FrameKind {
  kNative,   // a function of the machine code
  kInlined,  // a function the compiler put into the one below it
  kPython,
};

struct Frame {
  std::string function;        // demangled; empty: no symbol is known for the address
  std::string file;            // source file; empty: not known
  uint32_t line = 0;           // 0: not known
  uint32_t function_line = 0;  // of Python: where the function begins
  std::string module;          // path of the ELF file; empty: code of no file
  FrameKind kind = FrameKind::kNative;
  uint64_t pc = 0;             // address in memory, as recorded; of Python the bytecode offset
  uint64_t module_offset = 0;  // address in the ELF file, as addr2line takes it
};

// "function (file.py:12)" of Python, else frame_label().
std::string frame_label_with_line(const Frame& frame);

// What to call the frame where nothing is known but its address: the function, else
// "libx.so+0x1234", else "0x7f0000001234".
std::string frame_label(const Frame& frame);

}  // namespace mla
