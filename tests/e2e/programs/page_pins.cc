// Leaves one 64-byte block on every page of 200 MB of freed memory, says how many pages these are
// and how many bytes it has freed, then works on until its input ends.
#include <poll.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace {

constexpr size_t kBytes = 200'000'000;
constexpr size_t kBlock = 64;

__attribute__((noinline)) void* pin_page() {
  void* block = malloc(kBlock);
  memset(block, 1, kBlock);
  return block;
}

__attribute__((noinline)) void pass_time() {
  for (int i = 0; i < 200; ++i) free(malloc(100));
}

}  // namespace

int main() {
  std::vector<void*> blocks(kBytes / kBlock);
  for (void*& block : blocks) block = pin_page();
  uintptr_t last_page = 0;
  size_t pages = 0;
  for (void* block : blocks) {
    const uintptr_t page = reinterpret_cast<uintptr_t>(block) / 4096;
    if (page == last_page) {
      free(block);
    } else {
      ++pages;
    }
    last_page = page;
  }
  std::vector<void*>().swap(blocks);
  printf("%zu\n", pages);
  fflush(stdout);
  for (;;) {
    pass_time();
    pollfd input = {0, POLLIN, 0};
    if (poll(&input, 1, 1) != 0) return 0;
  }
}
