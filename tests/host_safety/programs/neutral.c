// What the C library's malloc is told and tells goes past libmla.so: prints how blocks lie, what is
// in them, and the allocator's figures, which must be the same with and without.
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { kBlocks = 3000 };
static char* blocks[kBlocks];

// What was freed before may lie anywhere; behind it blocks come one after the other.
static void use_up(void) {
  for (int i = 0; i < 200000; ++i) {
    if (malloc((size_t)(i % 1500)) == NULL) abort();
  }
}

static void print_layout(void) {
  unsigned long hash = 0;
  uintptr_t before = 0;
  for (int i = 0; i < kBlocks; ++i) {
    blocks[i] = malloc((size_t)(i * 37 % 1400));
    if (before != 0) hash = hash * 31 + (uintptr_t)blocks[i] - before;
    before = (uintptr_t)blocks[i];
    hash = hash * 31 + malloc_usable_size(blocks[i]);
  }
  printf("layout %lx\n", hash);
}

int main(void) {
  if (mallopt(M_MMAP_THRESHOLD, 200000) != 1 || mallopt(M_PERTURB, 0x5a) != 1) return 1;
  use_up();
  const struct mallinfo2 before = mallinfo2();
  print_layout();
  char* mapped[5];
  for (int i = 0; i < 5; ++i) mapped[i] = malloc(250000);
  struct mallinfo2 after = mallinfo2();
  printf("%zu in use, %zu mapped, %zu bytes mapped\n", after.uordblks - before.uordblks,
         after.hblks - before.hblks, after.hblkhd - before.hblkhd);
  for (int i = 0; i < 5; ++i) free(mapped[i]);
  char* block = malloc(100);
  printf("new memory is %x\n", (unsigned char)block[50]);
  for (int i = 0; i < kBlocks; ++i) free(blocks[i]);
  after = mallinfo2();
  printf("%zu in use, %zu mapped\n", after.uordblks - before.uordblks, after.hblks - before.hblks);
  char* text = NULL;
  size_t bytes = 0;
  FILE* file = open_memstream(&text, &bytes);
  printf("malloc_info %d\n", malloc_info(0, file));
  fclose(file);
  printf("%s\n", strstr(text, "<heap nr=\"0\">") != NULL ? "has a heap" : "has none");
  printf("malloc_trim %d\n", malloc_trim(0));
  return 0;
}
