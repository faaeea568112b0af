// Frames, code objects and strings of CPython in another process.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "format/python_layout.h"
#include "stacks/python_runtime.h"

namespace mla {

struct PythonTypeAddresses {
  uint64_t code = 0;
  uint64_t text = 0;   // str
  uint64_t bytes = 0;  // of line tables
};

class PythonObjects {
 public:
  PythonObjects(ProcessMemory& memory, const format::PythonLayout& layout,
                const PythonTypeAddresses& types, std::vector<PythonCode>& codes)
      : memory_(memory), layout_(layout), types_(types), codes_(codes) {}

  // Adds the frames of a thread state to `thread`.
  void add_frames(uint64_t thread_state, PythonThread& thread);

 private:
  bool add_frame(uint64_t frame, PythonThread& thread);
  bool read_position(uint64_t frame, uint64_t code, uint64_t& offset);
  struct KnownCode {
    uint32_t index = 0;
    bool internal = false;  // none of its instructions is the program's
  };
  std::optional<KnownCode> code_at(uint64_t address);
  std::optional<std::string> text_at(uint64_t address);
  std::string bytes_at(uint64_t address);

  ProcessMemory& memory_;
  const format::PythonLayout& layout_;
  const PythonTypeAddresses types_;
  std::vector<PythonCode>& codes_;
  std::map<uint64_t, KnownCode> known_;
};

}  // namespace mla
