// CPython's own allocators: what they serve from arenas is recorded as malloc's blocks are.
//
// * Of the three domains MEM and OBJ are wrapped. RAW ends in malloc, which is hooked.
// * A block that reached malloc on its way (over 512 bytes, or PYTHONMALLOC=malloc) is the malloc
//   hook's; a wrapper records what no malloc hook has seen, so nothing is counted twice.
// * The wrappers are put in place before main(). A start-up that replaces them (PYTHONMALLOC,
//   -X dev), or a wrapper of someone else (tracemalloc), is noticed at a tick of a thread that
//   holds the GIL, and ours are put in front again. Blocks from before are not seen, nor are their
//   frees.
// * Arenas come from the arena allocator, which is wrapped likewise: their addresses are known.
// * Nothing is ever taken back: libmla.so is not unloaded.
#pragma once

#include "python/interpreter.h"

namespace mla {

// `objects`: blocks too, else arenas only. False, with the reason in `why`, if that is not
// possible. In the constructor, before main(), within a ReentryGuard.
bool wrap_domains(const void* object, FindSymbol find, bool objects, const char*& why);

// Puts the wrappers in front again if they are not. At a tick.
void check_domains(const Interpreter& python);

}  // namespace mla
