// What AddressSanitizer is there to find.
#include <stdlib.h>

int main(void) {
  char* volatile p = malloc(10);
  free(p);
  return p[3];
}
