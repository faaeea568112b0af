#include "python/layout.h"

namespace mla {

namespace {

using Position = PythonLayout::Position;
using format::PythonLines;

constexpr uint16_t kNo = PythonLayout::kAbsent;

// Columns as the members of PythonLayout.
// clang-format off
constexpr PythonLayout kLayouts[] = {
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
// clang-format on

uint32_t read_number(const char*& at) {
  uint32_t value = 0;
  for (; *at >= '0' && *at <= '9' && value < 1000; ++at) {
    value = value * 10 + static_cast<uint32_t>(*at - '0');
  }
  return value;
}

}  // namespace

const PythonLayout* find_python_layout(const char* text) {
  const uint32_t major = read_number(text);
  if (*text++ != '.') return nullptr;
  const uint32_t minor = read_number(text);
  if (*text++ != '.' || major > 255 || minor > 255) return nullptr;
  read_number(text);
  if (*text == 'a' || *text == 'b') return nullptr;  // alphas and betas change from one to another
  for (const PythonLayout& layout : kLayouts) {
    if (layout.version == (major << 8 | minor)) return &layout;
  }
  return nullptr;
}

}  // namespace mla
