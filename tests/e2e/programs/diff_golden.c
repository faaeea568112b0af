// Call sites that tests/e2e/cli_diff.py tells apart in two builds: the second has lines put in where
// the comments say so. Alive at the end: everything.
#include <stdlib.h>

static void* kept[1000];
static int count;

static void keep(void* block) { kept[count++] = block; }

__attribute__((noinline)) void* wrapped(size_t bytes) { return malloc(bytes); }

// LINES
__attribute__((noinline)) void neighbours(void) {
  for (int i = 0; i < 100; ++i) keep(wrapped(1000));
  keep(wrapped(77));
  // LEAK
  keep(wrapped(5000));
}

__attribute__((noinline)) void below(void) {
  keep(calloc(10, 1000));
  keep(malloc(10));
  keep(realloc(NULL, 300));
}

// OTHER

int main(int argc, char** argv) {
  neighbours();
  below();
  if (argc > 1) keep(malloc((size_t)atoi(argv[1])));
  // CALL
  return 0;
}
