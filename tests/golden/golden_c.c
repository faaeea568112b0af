/* The same in C: names without arguments, no C++ library in the process. */
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define FRAME __attribute__((noinline))

static void* keep(void* p) {
  __asm__ volatile("" : "+r"(p) : : "memory");
  return p;
}
static void require(int condition) {
  if (!condition) _exit(3);
}

static inline __attribute__((always_inline)) char* make_text(size_t bytes) {
  char* text = keep(malloc(bytes));  // SITE text size=30 allocs=5 freed=2
  memset(text, 'x', bytes);
  return text;
}

static FRAME void texts(void) {
  for (int i = 0; i < 5; ++i) {
    char* text = make_text(30);  // SITE texts outer size=30 allocs=5 freed=2
    if (i % 2 == 1) free(text);
  }
}
// STACK texts inline make_text@text
// STACK texts native texts@texts

static FRAME void arrays(void) {
  void* p = keep(calloc(10, 10));     // SITE calloc size=100 allocs=1 freed=1
  p = keep(realloc(p, 1000));         // SITE realloc size=1000 allocs=1 freed=1
  p = keep(reallocarray(p, 7, 300));  // SITE reallocarray size=2100 allocs=1 freed=0
  require(malloc_usable_size(p) >= 2100);
  require(posix_memalign(&p, 256, 300) == 0);  // SITE posix_memalign size=300 allocs=1 freed=1
  free(p);
  keep(aligned_alloc(64, 640));  // SITE aligned_alloc size=640 allocs=1 freed=0
  p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);  // SITE map
  // EXPECT map map size=8192 allocs=1 freed=0
  require(p != MAP_FAILED);
}

static void* work(void* unused) {
  texts();
  arrays();
  return unused;
}

int main(int argc, char** argv) {
  require(argc == 3);
  const int threads = atoi(argv[1]);
  pthread_t thread[64];
  require(threads >= 1 && threads <= 64);
  if (threads == 1) work(NULL);
  for (int i = 0; threads > 1 && i < threads; ++i) {
    require(pthread_create(&thread[i], NULL, work, NULL) == 0);  // SITE create any
  }
  for (int i = 0; threads > 1 && i < threads; ++i) require(pthread_join(thread[i], NULL) == 0);
  dprintf(1, "READY {\"pid\": %d}\n", (int)getpid());  // SITE print any
  while (strcmp(argv[2], "wait") == 0) pause();
  return 0;
}
