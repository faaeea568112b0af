// Asks for memory before libmla.so, or even the C library, has been set up: in a function that
// chooses another while the program is relocated, before the constructors, and in constructors of a
// library; and whatever the loader asks for itself meanwhile. All of it is freed or grown later.
#include <dlfcn.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern char* library_text;  // of first_calls_library.c
void library_check(void);

enum { kMany = 300 };
static char* resolver_block;
static char* before_constructors[kMany];

static int answer(void) { return 42; }
static int (*choose(void))(void) {
  char* p = malloc(100);
  resolver_block = realloc(p, 200);
  return answer;
}
int chosen(void) __attribute__((ifunc("choose")));

static void preinit(void) {
  for (int i = 0; i < kMany; ++i) {
    before_constructors[i] = calloc((size_t)i + 1, 3);
    if (malloc_usable_size(before_constructors[i]) < 3 * ((size_t)i + 1)) abort();
    before_constructors[i] = realloc(before_constructors[i], 5 * ((size_t)i + 1));
    before_constructors[i][5 * i] = 'x';
  }
  // What is not found is said in memory of the loader's own, which it asks for here.
  if (dlsym(RTLD_DEFAULT, "mla_test_no_such_function") != NULL || dlerror() == NULL) abort();
}
__attribute__((section(".preinit_array"), used)) static void (*const kRunPreinit)(void) = preinit;

int main(void) {
  unsigned long sum = (unsigned long)chosen();
  if (malloc_usable_size(resolver_block) < 200) abort();
  for (int i = 0; i < kMany; ++i) {
    char* p = before_constructors[i];
    if (malloc_usable_size(p) < 5 * ((size_t)i + 1) || p[5 * i] != 'x') abort();
    p = realloc(p, 1000);
    sum += (unsigned long)p[5 * i];
    free(p);
  }
  free(resolver_block);
  library_check();
  for (int i = 0; i < 5000; ++i) {
    char* p = malloc((size_t)(1 + i % 100));
    p[0] = (char)i;
    sum += (unsigned char)p[0];
    free(p);
  }
  printf("%lu, %s\n", sum, library_text);
  free(library_text);
  return 3;
}
