// Blocks of 16 bytes to 1 MiB from twelve call sites, two thirds freed again, some by realloc, in
// two threads. Prints, per site and for all, what was allocated and is alive at the end: the truth
// that estimates are held against. The same in every run. Usage: mixed_sizes MIB
//
// Each site allocates about MIB / 12 mebibytes: in the first only the smallest blocks, in the last
// the largest, in between a range of sizes each that overlaps with its neighbours'.
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <thread>
#include <utility>
#include <vector>

namespace {

constexpr int kSites = 12;
constexpr int kThreads = 2;

struct Counts {
  uint64_t alloc_count = 0;
  uint64_t alloc_bytes = 0;
  uint64_t live_count = 0;
  uint64_t live_bytes = 0;

  void allocated(uint64_t bytes) {
    ++alloc_count;
    ++live_count;
    alloc_bytes += bytes;
    live_bytes += bytes;
  }
  void freed(uint64_t bytes) {
    --live_count;
    live_bytes -= bytes;
  }
};
using Journal = std::array<Counts, kSites>;

template <int Site>
[[gnu::always_inline]] inline void* fresh(uint64_t bytes) {
  if constexpr (Site % 3 == 0) return std::malloc(bytes);
  if constexpr (Site % 3 == 1) return std::calloc(1, bytes);
  return std::aligned_alloc(16, bytes);
}

template <int Site>
[[gnu::noinline]] void* allocate_at(void* old, uint64_t bytes) {
  void* block = old == nullptr ? fresh<Site>(bytes) : std::realloc(old, bytes);
  if (block == nullptr) std::abort();
  __asm__ volatile("" : : "r"(block) : "memory");
  return block;
}

using Allocate = void* (*)(void*, uint64_t);
template <int... Site>
constexpr std::array<Allocate, kSites> all_allocate(std::integer_sequence<int, Site...>) {
  return {allocate_at<Site>...};
}
constexpr auto kAllocate = all_allocate(std::make_integer_sequence<int, kSites>());

struct Block {
  void* memory;
  uint64_t bytes;
  int site;
};

void work(unsigned seed, uint64_t bytes_per_site, Journal& journal) {
  std::minstd_rand random(seed);
  std::uniform_real_distribution<double> uniform(0, 1);
  std::vector<Block> window(1000, Block{nullptr, 0, 0});
  std::array<uint64_t, kSites> left;
  left.fill(bytes_per_site);
  const auto release = [&](Block& block) {
    if (block.memory == nullptr) return;
    journal[block.site].freed(block.bytes);
    std::free(block.memory);
    block.memory = nullptr;
  };
  for (int site = 0; site < kSites; ++site) {
    // From 16 bytes to 1 MiB are 16 doublings; a site spans four of them.
    const double smallest = 4 + site;
    const double doublings = site == kSites - 1 ? 5 : 4;
    while (left[site] > 0) {
      uint64_t bytes = static_cast<uint64_t>(std::exp2(smallest + doublings * uniform(random)));
      bytes &= ~uint64_t{15};
      left[site] -= bytes < left[site] ? bytes : left[site];
      Block& slot = window[random() % window.size()];
      void* old = nullptr;
      if (slot.memory != nullptr && random() % 8 == 0) {
        old = slot.memory;
        journal[slot.site].freed(slot.bytes);
        slot.memory = nullptr;
      }
      const Block block = {kAllocate[site](old, bytes), bytes, site};
      journal[site].allocated(bytes);
      // One in three stays for good.
      if (random() % 3 != 0) {
        release(slot);
        slot = block;
      }
    }
  }
  for (Block& block : window) release(block);
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) return 2;
  const uint64_t bytes = std::strtoull(arguments[1], nullptr, 10) << 20;
  std::array<Journal, kThreads> journals{};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back(work, t + 1, bytes / kSites / kThreads, std::ref(journals[t]));
  }
  for (std::thread& thread : threads) thread.join();
  for (int site = 0; site < kSites; ++site) {
    Counts all;
    for (const Journal& journal : journals) {
      all.alloc_count += journal[site].alloc_count;
      all.alloc_bytes += journal[site].alloc_bytes;
      all.live_count += journal[site].live_count;
      all.live_bytes += journal[site].live_bytes;
    }
    std::printf("%d %llu %llu %llu %llu\n", site, static_cast<unsigned long long>(all.alloc_count),
                static_cast<unsigned long long>(all.alloc_bytes),
                static_cast<unsigned long long>(all.live_count),
                static_cast<unsigned long long>(all.live_bytes));
  }
  return 0;
}
