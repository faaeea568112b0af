// Strings of Python as UTF-8.
#pragma once

#include <cstdint>

#include "python/layout.h"

namespace mla {

class PythonText {
 public:
  PythonText(const PythonLayout& layout, uintptr_t type) : layout_(layout), type_(type) {}

  // Copies the str at `object`, cut to whole characters within `capacity` bytes, not terminated.
  // False if there is no such object, or none of a known kind.
  bool read(uintptr_t object, char* to, uint64_t capacity, uint64_t& length) const;

 private:
  const PythonLayout& layout_;
  uintptr_t type_;
};

}  // namespace mla
