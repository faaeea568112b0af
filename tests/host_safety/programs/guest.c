// A library that is loaded in unusual ways.
#include <stdlib.h>
#include <string.h>

void* guest_allocate(size_t bytes) { return malloc(bytes); }
void guest_free(void* block) { free(block); }

unsigned long guest_work(void) {
  unsigned long sum = 0;
  for (size_t i = 0; i < 1000; ++i) {
    char* text = strdup("a guest's own");
    text = realloc(text, 100 + i);
    sum += strlen(text);
    free(text);
  }
  return sum;
}
