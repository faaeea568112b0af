// Where an ELF file that the loader mapped can be read. What the file says of its own tables may be
// wrong, by damage or by malice, without the program ever noticing: mla is not to be the first that
// falls over it.
#pragma once

#include <cstdint>

namespace mla {

struct AddressRange {
  uintptr_t low = 0;
  uintptr_t high = 0;

  bool holds(uintptr_t address) const { return address >= low && address < high; }
  // All of [address, address + bytes).
  bool holds(uintptr_t address, uint64_t bytes) const {
    return address >= low && address <= high && bytes <= high - address;
  }
};

// The part around `address` of a loaded file that can be read: between such parts may lie pages
// without access, or of others. Empty if it is in none. Takes no lock.
AddressRange readable_around(uintptr_t address);

// The same within `image`, which the loader mapped at once: all of a file, from its ELF header on,
// or one part of a program that has gaps. All of `image` if it has no program headers in its first
// page.
AddressRange readable_part(AddressRange image, uintptr_t address);

}  // namespace mla
