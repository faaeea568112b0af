// See first_calls.c. Its constructors run before libmla.so's.
#include <dlfcn.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

char* library_text;
static void* blocks[6];

__attribute__((constructor)) static void construct(void) {
  library_text = strdup("text of the library");
  blocks[0] = malloc(10);
  blocks[1] = calloc(10, 10);
  blocks[2] = realloc(NULL, 30);
  blocks[3] = aligned_alloc(64, 128);
  blocks[4] = memalign(256, 100);
  if (posix_memalign(&blocks[5], 4096, 100) != 0) abort();
  void* (*next)(size_t) = (void* (*)(size_t))dlsym(RTLD_NEXT, "malloc");
  if (next == NULL) abort();
  free(next(77));
  for (int i = 0; i < 6; ++i) blocks[i] = realloc(blocks[i], 500);
}

void library_check(void) {
  for (int i = 0; i < 6; ++i) {
    if (malloc_usable_size(blocks[i]) < 500) abort();
    free(blocks[i]);
  }
}
