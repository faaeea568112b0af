/* A program whose memory and failures differ by its environment, for the tests of mla bench. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(void) {
  const char* size = getenv("WORK_KIB");
  const size_t bytes = (size != NULL ? strtoul(size, NULL, 10) : 8192) * 1024;
  if (getenv("WORK_FAIL") != NULL) {
    fprintf(stderr, "the disk is on fire\n");
    return 3;
  }
  char* block = malloc(bytes);
  if (block == NULL) return 1;
  memset(block, 1, bytes);
  usleep(120000); /* long enough to be sampled on a busy machine */
  unsigned sum = 0;
  for (int round = 0; round < 50; ++round) {
    for (size_t i = 0; i < bytes; i += 4096) sum += (unsigned char)++block[i];
  }
  printf("%u pages touched, %lu operations/s\n", sum % 7, (unsigned long)(bytes / 1024));
  free(block);
  return 0;
}
