// The files mapped with code that appeared in stacks: addresses mean nothing later without them.
#pragma once

#include <link.h>

#include <cstdint>

#include "format/format.h"

namespace mla {

// The module that holds `pc`, entered into the log the first time it is seen; kNone for code in no
// file (JIT). Lock-free; uses _dl_find_object, which takes no loader lock.
format::ModuleId module_of(uint64_t pc);

// If not nullptr, called with the object of each module that is entered: its code is in the calling
// thread's stack. Set once, before there is a second thread.
extern void (*module_appeared)(const struct link_map* object);

// Marks modules of the log that are no longer loaded and calls gone(low, high) for each.
void find_unloaded_modules(void (*gone)(uint64_t low, uint64_t high));

// GNU build-id of the ELF image whose first page is mapped at `image`, copied to `to`.
// Number of bytes, 0 if there is none.
uint32_t read_build_id(const void* image, uint8_t* to, uint32_t capacity);

// Path of the running program; its length.
uint64_t read_exe_path(char* to, uint64_t capacity);

}  // namespace mla
