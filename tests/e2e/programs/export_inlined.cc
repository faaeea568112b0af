// A call site in a function that is compiled into its caller, and a stack of over 1,000 frames.
#include <unistd.h>

#include <cstdlib>

namespace {

__attribute__((always_inline)) inline void* grow(size_t bytes) { return malloc(bytes); }

__attribute__((noinline)) void* keep(size_t bytes) {
  void* block = grow(bytes);
  asm volatile("" ::"r"(block) : "memory");
  return block;
}

__attribute__((noinline)) void* descend(int depth) {
  void* block = depth == 0 ? keep(5000) : descend(depth - 1);
  asm volatile("" ::"r"(block) : "memory");  // no tail call
  return block;
}

}  // namespace

int main() {
  for (int i = 0; i < 100; ++i) keep(1234);
  free(keep(4000));
  descend(1010);
  _exit(0);  // keeps what is alive
}
