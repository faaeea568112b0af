// Loads another library in its constructor, and lets go of it in its destructor.
#include <dlfcn.h>
#include <stdlib.h>

static void* inner;
unsigned long nested_sum;

__attribute__((constructor)) static void load(void) {
  void* block = malloc(500);
  inner = dlopen(getenv("INNER_GUEST"), RTLD_NOW | RTLD_LOCAL);
  if (inner == NULL) abort();
  unsigned long (*work)(void) = (unsigned long (*)(void))dlsym(inner, "guest_work");
  nested_sum = work();
  free(block);
}
__attribute__((destructor)) static void unload(void) {
  void* block = malloc(600);
  dlclose(inner);
  free(block);
}
