// Allocates and frees and does next to nothing else: the worst case for whatever records
// allocations.
//
//   bench_malloc_loop THREADS PAIRS
//
// PAIRS blocks a thread, of 16 to 4,096 bytes, small ones far more often (nine tenths below 256, as
// in most programs). They live in a window of 4,096 blocks of which a random one is replaced, so
// that the allocator is not served by the last block freed. They are allocated in a random walk
// through a tree of 64 functions, 8 to 20 frames below main. The walk repeats itself, as programs
// do: there are about 3,000 different stacks.
#include <stdio.h>
#include <stdlib.h>

#include <memory>
#include <thread>
#include <vector>

namespace {

constexpr unsigned kWindow = 4096;
constexpr unsigned kFunctions = 64;
constexpr int kShallowest = 3;  // of walk(): with what lies below it, 8 to 20 frames
constexpr int kDeepest = 13;
constexpr unsigned long kPairsUntilRepeat = 3000;

struct Walk {
  explicit Walk(unsigned long pairs) : left(pairs) {}

  unsigned random() {
    path = path * 6364136223846793005ULL + 1442695040888963407ULL;
    return static_cast<unsigned>(path >> 33);
  }
  void replace_one() {
    --left;
    block = block * 6364136223846793005ULL + 1442695040888963407ULL;
    const auto r = static_cast<unsigned>(block >> 32);
    const unsigned small = 16 + (r >> 12 & 0x7f) + (r >> 19 & 0x7f);
    const unsigned bytes = (r >> 26) % 10 == 0 ? 16 * small : small;
    void*& slot = window[r % kWindow];
    free(slot);
    slot = malloc(bytes);
    if (slot == nullptr) abort();
    *static_cast<volatile unsigned*>(slot) = bytes;
    sum += bytes;
  }

  unsigned long left;
  unsigned long long sum = 0;
  unsigned long long path = 42;
  unsigned long long block = 7;
  void* window[kWindow] = {};
};

using Function = void (*)(Walk&, int);
extern const Function kTree[kFunctions];

// Keeps a frame from being left out, merged with its twins, or turned into a jump.
#define KEEP_FRAME(bytes) \
  char frame[bytes];      \
  asm volatile("" : : "r"(frame) : "memory")

template <int K>
__attribute__((noinline)) void function(Walk& walk, int level) {
  KEEP_FRAME(16 + (K * 37) % 160);
  const unsigned children = 1 + walk.random() % 3;
  for (unsigned i = 0; i < children && walk.left > 0; ++i) {
    if (level >= kShallowest && (level >= kDeepest || walk.random() % 2 == 0)) {
      walk.replace_one();
    } else {
      kTree[walk.random() % kFunctions](walk, level + 1);
    }
    if (level >= kShallowest && K % 2 == 1 && walk.left > 0) walk.replace_one();
  }
  asm volatile("" : : "r"(frame) : "memory");
}

#define EIGHT(k)                                                                             \
  function<(k)>, function<(k) + 1>, function<(k) + 2>, function<(k) + 3>, function<(k) + 4>, \
      function<(k) + 5>, function<(k) + 6>, function<(k) + 7>
const Function kTree[kFunctions] = {EIGHT(0),  EIGHT(8),  EIGHT(16), EIGHT(24),
                                    EIGHT(32), EIGHT(40), EIGHT(48), EIGHT(56)};

unsigned long long run(unsigned long pairs) {
  const auto walk = std::make_unique<Walk>(pairs);
  unsigned long next_repeat = pairs;
  while (walk->left > 0) {
    if (walk->left <= next_repeat) {
      walk->path = 42;
      next_repeat = walk->left < kPairsUntilRepeat ? 0 : walk->left - kPairsUntilRepeat;
    }
    kTree[walk->random() % kFunctions](*walk, 0);
  }
  for (void* block : walk->window) free(block);
  return walk->sum;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: bench_malloc_loop THREADS PAIRS\n");
    return 2;
  }
  const unsigned long threads = strtoul(argv[1], nullptr, 10);
  const unsigned long pairs = strtoul(argv[2], nullptr, 10);
  std::vector<unsigned long long> sums(threads);
  std::vector<std::thread> others;
  for (unsigned long i = 1; i < threads; ++i) {
    others.emplace_back([&sums, pairs, i] { sums[i] = run(pairs); });
  }
  sums[0] = run(pairs);
  for (std::thread& thread : others) thread.join();
  for (const unsigned long long sum : sums) printf("%llu bytes\n", sum);
  return 0;
}
