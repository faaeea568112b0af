#include "symbols/frame.h"

#include <cstdio>

namespace mla {

std::string frame_label_with_line(const Frame& frame) {
  if (frame.kind != FrameKind::kPython || frame.file.empty()) return frame_label(frame);
  return frame_label(frame) + " (" + frame.file + ":" + std::to_string(frame.line) + ")";
}

std::string frame_label(const Frame& frame) {
  if (!frame.function.empty()) return frame.function;
  char number[32];
  if (frame.module.empty()) {
    std::snprintf(number, sizeof number, "0x%llx", static_cast<unsigned long long>(frame.pc));
    return number;
  }
  std::snprintf(number, sizeof number, "+0x%llx",
                static_cast<unsigned long long>(frame.module_offset));
  return frame.module.substr(frame.module.rfind('/') + 1) + number;
}

}  // namespace mla
