// The golden program: every entry point, at call sites whose figures are known.
#include "golden.h"

#include "golden_parts.h"

namespace golden {

void once() {
  find_cfree();  // SITE dlsym any
  refuse_memory();
}

void every_thread() {
  malloc_sites();
  tiny_sites();
  new_sites();
  inlined_sites();
  thread_sites();
  mapping_sites();
}

}  // namespace golden
