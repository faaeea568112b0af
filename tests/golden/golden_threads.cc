// Small blocks, which share slots of the live map, and blocks that outlive or leave their thread.
#include <pthread.h>

#include <cstdlib>

#include "golden.h"
#include "golden_parts.h"

namespace golden {

namespace {

constexpr int kRounds = 32;
constexpr int kSizes = 16;
constexpr int kShared = 512;

// jemalloc, tcmalloc and mimalloc put two blocks of up to 8 bytes into 16.
GOLDEN_FRAME void every_small_size() {
  void* block[kRounds][kSizes];
  for (auto& round : block) {
    for (size_t i = 0; i < kSizes; ++i) {
      round[i] = keep(malloc(i + 1));  // SITE tiny allocs=512 bytes=4352 freed=256 live_bytes=2176
    }
  }
  for (int r = 0; r < kRounds; ++r) {
    for (int i = 0; i < kSizes; ++i) {
      if ((r + i) % 2 != 0) free(block[r][i]);
    }
  }
  for (int r = 0; r < kRounds; ++r) {
    for (size_t i = 0; i < kSizes; ++i) {
      if ((static_cast<size_t>(r) + i) % 2 == 0) continue;
      block[r][i] = keep(malloc(kSizes - i));  // SITE tiny_again allocs=256 bytes=2176 freed=0
    }
  }
  for (size_t i = 0; i < kSizes; ++i) {
    void* p = keep(malloc(i + 1));  // SITE tiny_grow allocs=16 bytes=136 freed=16
    for (size_t n = 1; n <= kSizes; ++n) {
      p = keep(realloc(p, n));  // SITE tiny_grown allocs=256 bytes=2176 freed=256
    }
    free(p);
  }
}

struct Blocks {
  void* block[kShared];
  pthread_barrier_t both;
};

void* free_odd(void* argument) {
  Blocks& blocks = *static_cast<Blocks*>(argument);
  pthread_barrier_wait(&blocks.both);
  for (int i = 1; i < kShared; i += 2) free(blocks.block[i]);
  return nullptr;
}

// Two threads free the two halves of the same slots at the same time.
GOLDEN_FRAME void neighbours() {
  Blocks blocks;
  pthread_barrier_init(&blocks.both, nullptr, 2);
  for (void*& p : blocks.block) p = keep(malloc(8));  // SITE neighbours size=8 allocs=512 freed=480
  pthread_t thread;
  REQUIRE(pthread_create(&thread, nullptr, free_odd, &blocks) == 0);  // SITE create_neighbour any
  pthread_barrier_wait(&blocks.both);
  for (int i = 64; i < kShared; i += 2) free(blocks.block[i]);
  REQUIRE(pthread_join(thread, nullptr) == 0);
}

void* free_all(void* argument) {
  for (void** p = static_cast<void**>(argument); *p != nullptr; ++p) free(*p);
  return nullptr;
}

GOLDEN_FRAME void freed_elsewhere() {
  void* block[5] = {};
  for (int i = 0; i < 4; ++i) block[i] = keep(malloc(96));  // SITE remote size=96 allocs=4 freed=3
  block[3] = nullptr;
  in_another_thread(free_all, block);
}

void* allocate_and_end(void* argument) {
  void** block = static_cast<void**>(argument);
  for (int i = 0; i < 4; ++i) block[i] = keep(malloc(72));  // SITE ended size=72 allocs=4 freed=2
  free(block[0]);
  return nullptr;
}

GOLDEN_FRAME void outlives_its_thread() {
  void* block[4] = {};
  in_another_thread(allocate_and_end, block);
  free(block[2]);
}

}  // namespace

void tiny_sites() { every_small_size(); }

void thread_sites() {
  neighbours();
  freed_elsewhere();
  outlives_its_thread();
}

}  // namespace golden
