#include "segment/loaded_image.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>

namespace mla {

AddressRange readable_around(uintptr_t address) {
  struct dl_find_object found;
  if (_dl_find_object(reinterpret_cast<void*>(address), &found) != 0) return {};
  return readable_part({reinterpret_cast<uintptr_t>(found.dlfo_map_start),
                        reinterpret_cast<uintptr_t>(found.dlfo_map_end)},
                       address);
}

AddressRange readable_part(AddressRange image, uintptr_t address) {
  constexpr uintptr_t kPage = 4096;
  if (!image.holds(address)) return {};
  ElfW(Ehdr) header;
  if (!image.holds(image.low, sizeof header)) return {};
  __builtin_memcpy(&header, reinterpret_cast<const void*>(image.low), sizeof header);
  const uint64_t headers_bytes = header.e_phnum * sizeof(ElfW(Phdr));
  if (__builtin_memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
      header.e_phentsize != sizeof(ElfW(Phdr)) || header.e_phoff > kPage ||
      header.e_phoff + headers_bytes > kPage ||
      !image.holds(image.low + header.e_phoff, headers_bytes)) {
    return image;
  }
  bool first = true;
  uintptr_t bias = 0;
  for (uint32_t i = 0; i < header.e_phnum; ++i) {
    ElfW(Phdr) part;
    __builtin_memcpy(&part,
                     reinterpret_cast<const void*>(image.low + header.e_phoff + i * sizeof part),
                     sizeof part);
    if (part.p_type != PT_LOAD) continue;
    if (first) bias = image.low - (part.p_vaddr & ~(kPage - 1));  // the loader wants them in order
    first = false;
    const AddressRange range = {part.p_vaddr + bias, part.p_vaddr + bias + part.p_memsz};
    if ((part.p_flags & PF_R) == 0 || !range.holds(address)) continue;
    return {range.low < image.low ? image.low : range.low,
            range.high > image.high ? image.high : range.high};
  }
  return {};
}

}  // namespace mla
