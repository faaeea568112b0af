// Many threads that allocate, hand blocks to each other and free what others allocated.
//
//   bench_churn THREADS PAIRS
//
// PAIRS blocks a thread, of 16 to 1,024 bytes; every other one is exchanged for whatever lies in
// one of 1,024 slots all threads share. A block carries a sum over its own contents, checked before
// it is freed. Prints how many bytes all threads asked for.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <atomic>
#include <thread>
#include <vector>

namespace {

struct Block {
  uint32_t bytes;
  uint32_t check;
  unsigned char data[];
};

constexpr unsigned kShared = 1024;
constexpr unsigned kOwn = 64;
constexpr unsigned kDeepest = 8;
std::atomic<Block*> shared[kShared];

uint32_t check_of(const Block& block) {
  return block.bytes * 2654435761U ^ block.data[0] ^
         static_cast<uint32_t>(block.data[block.bytes - 9]) << 8;
}

Block* make(uint32_t random) {
  const uint32_t bytes = 16 + random % 1009;
  auto* block = static_cast<Block*>(malloc(bytes));
  if (block == nullptr) abort();
  block->bytes = bytes;
  block->data[0] = static_cast<unsigned char>(random >> 16);
  block->data[bytes - 9] = static_cast<unsigned char>(random >> 24);
  block->check = check_of(*block);
  return block;
}

void drop(Block* block) {
  if (block == nullptr) return;
  if (block->check != check_of(*block)) {
    fprintf(stderr, "bench_churn: a block changed\n");
    abort();
  }
  free(block);
}

// From a stack of this depth.
__attribute__((noinline)) Block* make_at(unsigned depth, uint32_t random) {
  Block* block = depth == 0 ? make(random) : make_at(depth - 1, random);
  asm volatile("" : : "r"(block) : "memory");
  return block;
}

uint64_t run(uint32_t seed, unsigned long pairs) {
  Block* own[kOwn] = {};
  uint64_t state = seed * 0x9e3779b97f4a7c15ULL + 1;
  uint64_t bytes = 0;
  for (unsigned long i = 0; i < pairs; ++i) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    const auto random = static_cast<uint32_t>(state >> 32);
    Block*& slot = own[random % kOwn];
    drop(slot);
    slot = make_at(random >> 8 & (kDeepest - 1), random);
    bytes += slot->bytes;
    if (i % 2 == 0) slot = shared[random >> 12 & (kShared - 1)].exchange(slot);
  }
  for (Block* block : own) drop(block);
  return bytes;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: bench_churn THREADS PAIRS\n");
    return 2;
  }
  const unsigned long count = strtoul(argv[1], nullptr, 10);
  const unsigned long pairs = strtoul(argv[2], nullptr, 10);
  std::atomic<uint64_t> bytes{0};
  std::vector<std::thread> threads;
  for (unsigned long i = 0; i < count; ++i) {
    threads.emplace_back([&bytes, pairs, i] { bytes += run(static_cast<uint32_t>(i), pairs); });
  }
  for (std::thread& thread : threads) thread.join();
  for (std::atomic<Block*>& slot : shared) drop(slot.exchange(nullptr));
  printf("%llu bytes\n", static_cast<unsigned long long>(bytes.load()));
  return 0;
}
