// A library that does not allocate before it is called.
#include <stdlib.h>

void* library_allocate(size_t bytes) {
  void* volatile block = malloc(bytes);
  return block;
}
