// See busy_constructor.c. The argument: how many milliseconds main() lasts (default 20).
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char** argv) {
  usleep((argc > 1 ? strtoul(argv[1], NULL, 10) : 20) * 1000);
  return 0;
}
