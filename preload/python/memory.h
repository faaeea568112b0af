// Reads of the interpreter's memory.
//
// The thread that reads is the one whose stack it is, or holds what it reads in the chain of its
// frames: nothing of that can go away meanwhile. What can be wrong is the layout. So the first
// reads of a process, and all of names, ask the kernel whether there is anything to read.
#pragma once

#include <cstdint>

#include "segment/sys.h"

namespace mla {

struct TrustedMemory {
  template <class T>
  bool load(uintptr_t address, T& value) const {
    value = *reinterpret_cast<const T*>(address);
    return true;
  }
};

class CheckedMemory {
 public:
  template <class T>
  bool load(uintptr_t address, T& value) {
    if (address % sizeof(T) != 0 || !is_readable(address)) return false;
    value = *reinterpret_cast<const T*>(address);
    return true;
  }

  // All pages of a range.
  bool is_readable(uintptr_t address, uint64_t bytes) {
    if (bytes == 0) return true;
    const uintptr_t end = address + bytes;
    for (uintptr_t page = address & ~(kPage - 1); page < end; page += kPage) {
      if (!is_readable(page)) return false;
    }
    return true;
  }

 private:
  static constexpr uintptr_t kPage = 4096;
  static constexpr uintptr_t kLimit = uintptr_t{1} << 47;

  bool is_readable(uintptr_t address) {
    const uintptr_t page = address & ~(kPage - 1);
    if (page == 0 || address >= kLimit) return false;
    uintptr_t& known = known_[page / kPage % kKnown];
    if (known == page) return true;
    if (!sys::readable(page)) return false;
    known = page;
    return true;
  }

  static constexpr uint32_t kKnown = 8;
  uintptr_t known_[kKnown] = {};
};

}  // namespace mla
