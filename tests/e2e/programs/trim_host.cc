// Takes 64 MB in small blocks, frees them from below so that only a trim gives them back, then
// works on until its input ends. On "signals" the work is also done in a signal handler.
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/time.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace {

constexpr size_t kBlock = 1000;
constexpr size_t kBlocks = 64'000;

volatile sig_atomic_t in_allocator;

// A mapping may be made anywhere; the allocator may only be called where it was not interrupted.
void work(int) {
  void* p = mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p != MAP_FAILED) munmap(p, 4096);
  if (in_allocator == 0) free(malloc(2000));
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<void*> blocks(kBlocks);
  for (void*& block : blocks) {
    block = malloc(kBlock);
    memset(block, 1, kBlock);
  }
  void* last = malloc(kBlock);
  for (void* block : blocks) free(block);
  if (argc > 1 && strcmp(argv[1], "signals") == 0) {
    struct sigaction action = {};
    action.sa_handler = work;
    action.sa_flags = SA_RESTART;
    sigaction(SIGPROF, &action, nullptr);
    const itimerval every = {{0, 1000}, {0, 1000}};
    setitimer(ITIMER_PROF, &every, nullptr);
  }
  puts("ready");
  fflush(stdout);
  for (;;) {
    in_allocator = 1;
    for (int i = 0; i < 2000; ++i) free(malloc(5000));
    in_allocator = 0;
    pollfd input = {0, POLLIN, 0};
    const int ready = poll(&input, 1, 1);
    if (ready > 0) break;
  }
  free(last);
}
