// Sixty-four threads that allocate and free each other's blocks until the time is over; threads end
// and others take their place. Prints what happened at every call site, in all threads together:
// the truth that a recording is held against. Usage: churn_journal THREADS SECONDS
//
// The heap stands at about 200 MiB: kSlots blocks, of which every thread replaces random ones.
#include <sys/resource.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <thread>
#include <utility>
#include <vector>

namespace {

constexpr int kSites = 24;
constexpr uint64_t kSlots = 400'000;
constexpr int kBlocksPerThread = 20'000;  // then it ends

struct Counts {
  uint64_t alloc_count = 0;
  uint64_t alloc_bytes = 0;
  uint64_t freed_count = 0;
  uint64_t freed_bytes = 0;

  void allocated(uint64_t bytes) { ++alloc_count, alloc_bytes += bytes; }
  void freed(uint64_t bytes) { ++freed_count, freed_bytes += bytes; }
};
using Journal = std::array<Counts, kSites>;

// At the beginning of every block: who frees it knows what it was.
struct Block {
  uint32_t bytes;
  uint32_t site;
};

template <int Site>
[[gnu::always_inline]] inline void* fresh(uint32_t bytes) {
  if constexpr (Site % 4 == 0) return ::operator new(bytes);
  if constexpr (Site % 4 == 1) return std::calloc(1, bytes);
  if constexpr (Site % 4 == 2) return std::aligned_alloc(64, bytes);
  return std::malloc(bytes);
}

template <int Site>
[[gnu::noinline]] Block* allocate_at(Block* old, uint32_t bytes) {
  void* memory = old == nullptr ? fresh<Site>(bytes) : std::realloc(old, bytes);
  if (memory == nullptr) std::abort();
  auto* block = static_cast<Block*>(memory);
  *block = {bytes, Site};
  return block;
}

// From different depths, so that every site is more than one stack.
[[gnu::noinline]] Block* call(Block* (*allocate)(Block*, uint32_t), Block* old, uint32_t bytes,
                              unsigned depth) {
  Block* block = depth == 0 ? allocate(old, bytes) : call(allocate, old, bytes, depth - 1);
  __asm__ volatile("" : : "r"(block) : "memory");
  return block;
}

using Allocate = Block* (*)(Block*, uint32_t);
template <int... Site>
constexpr std::array<Allocate, kSites> all_allocate(std::integer_sequence<int, Site...>) {
  return {allocate_at<Site>...};
}
constexpr auto kAllocate = all_allocate(std::make_integer_sequence<int, kSites>());

std::array<std::atomic<Block*>, kSlots> slots;
std::atomic<bool> over;

void release(Block* block, Journal& journal) {
  if (block == nullptr) return;
  journal[block->site].freed(block->bytes);
  if (block->site % 4 == 0) {
    ::operator delete(block);
  } else {
    std::free(block);
  }
}

void replace_blocks(unsigned seed, Journal& journal) {
  std::minstd_rand random(seed);
  for (int i = 0; i < kBlocksPerThread && !over.load(std::memory_order_relaxed); ++i) {
    const uint64_t slot = (static_cast<uint64_t>(random()) << 8 ^ random()) % kSlots;
    Block* old = slots[slot].exchange(nullptr);
    // Small ones are far more often; 500 bytes on average.
    const auto units = 1 + (random() % 8 == 0 ? random() % 64 : random() % 8);
    const auto bytes = static_cast<uint32_t>(64 * units);
    unsigned site = random() % kSites;
    const bool resize = old != nullptr && old->site % 4 != 0 && random() % 4 == 0;
    if (resize) {
      journal[old->site].freed(old->bytes);
      if (site % 4 == 0) ++site;  // a block's site says how it is freed
    } else {
      release(old, journal);
      old = nullptr;
    }
    Block* block = call(kAllocate[site], old, bytes, random() % 12);
    journal[block->site].allocated(block->bytes);
    release(slots[slot].exchange(block), journal);
  }
}

std::vector<Journal> journals;
std::atomic<uint32_t> threads_run;
std::atomic<int> running;

// A thread's life. Its place is taken by another one as long as there is time.
void live(int place) {
  replace_blocks(++threads_run, journals[static_cast<size_t>(place)]);
  if (over.load(std::memory_order_relaxed)) {
    --running;
  } else {
    std::thread(live, place).detach();
  }
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 3) return 2;
  const int thread_count = std::atoi(arguments[1]);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(std::atoi(arguments[2]));
  journals.resize(static_cast<size_t>(thread_count));
  running.store(thread_count);
  for (int t = 0; t < thread_count; ++t) std::thread(live, t).detach();
  std::this_thread::sleep_until(end);
  over.store(true);
  while (running.load() != 0) std::this_thread::yield();
  struct rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  std::printf("threads %u\nmaxrss %ld\n", threads_run.load(), usage.ru_maxrss * 1024L);
  for (int site = 0; site < kSites; ++site) {
    Counts all;
    for (const Journal& journal : journals) {
      all.alloc_count += journal[site].alloc_count;
      all.alloc_bytes += journal[site].alloc_bytes;
      all.freed_count += journal[site].freed_count;
      all.freed_bytes += journal[site].freed_bytes;
    }
    std::printf("site %d %llu %llu %llu %llu\n", site,
                static_cast<unsigned long long>(all.alloc_count),
                static_cast<unsigned long long>(all.alloc_bytes),
                static_cast<unsigned long long>(all.freed_count),
                static_cast<unsigned long long>(all.freed_bytes));
  }
  return 0;
}
