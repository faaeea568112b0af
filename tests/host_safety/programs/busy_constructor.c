// A constructor that runs before libmla.so's, and starts threads that allocate from then on.
#include <pthread.h>
#include <stdlib.h>

static void* allocate(void* unused) {
  for (;;) {
    void* blocks[64];
    for (size_t i = 0; i < 64; ++i) blocks[i] = malloc(40 + i);
    for (size_t i = 0; i < 64; ++i) free(blocks[i]);
  }
  return unused;
}

__attribute__((constructor)) static void construct(void) {
  for (int i = 0; i < 4; ++i) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, allocate, NULL) != 0) abort();
  }
  for (int i = 0; i < 2000; ++i) free(malloc(10));
}
