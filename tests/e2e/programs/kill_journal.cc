// Four threads that allocate, reallocate and free without a pause, and write down, in a shared
// mapping of a file, what they are about to do and what they have done: after a kill at any moment
// the truth is known within one event per thread. Usage: kill_journal JOURNAL
//
// The journal: for each of the kSites allocating functions and each thread, the counters of the
// events begun and of the events done.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <random>
#include <thread>
#include <utility>
#include <vector>

namespace {

constexpr int kThreads = 4;
constexpr int kSites = 12;
constexpr int kSlots = 4096;

struct Counts {
  std::atomic<uint64_t> alloc_count;
  std::atomic<uint64_t> alloc_bytes;
  std::atomic<uint64_t> freed_count;
  std::atomic<uint64_t> freed_bytes;
};
struct SiteJournal {
  Counts begun;
  Counts done;
};
struct Journal {
  SiteJournal entry[kThreads][kSites];
};

Journal* journal;
thread_local int self;

// One writer each; a killed process has made its stores in program order.
void add(std::atomic<uint64_t>& counter, uint64_t n) {
  counter.store(counter.load(std::memory_order_relaxed) + n, std::memory_order_release);
}
void allocated(Counts& counts, uint64_t bytes) {
  add(counts.alloc_count, 1);
  add(counts.alloc_bytes, bytes);
}
void freed(Counts& counts, uint64_t bytes) {
  add(counts.freed_count, 1);
  add(counts.freed_bytes, bytes);
}
SiteJournal& entry_of(int site) { return journal->entry[self][site]; }

struct Block {
  void* memory = nullptr;
  uint64_t bytes = 0;
  int site = 0;
};

template <int Site>
[[gnu::noinline]] Block allocate_at(uint64_t bytes) {
  SiteJournal& entry = entry_of(Site);
  allocated(entry.begun, bytes);
  void* memory = nullptr;
  if constexpr (Site % 4 == 0) {
    memory = ::operator new(bytes);
  } else if constexpr (Site % 4 == 1) {
    memory = std::calloc(1, bytes);
  } else if constexpr (Site % 4 == 2) {
    memory = std::aligned_alloc(64, bytes);
  } else {
    memory = std::malloc(bytes);
  }
  allocated(entry.done, bytes);
  return {memory, bytes, Site};
}

// The block becomes one of this site.
template <int Site>
[[gnu::noinline]] Block reallocate_at(Block old, uint64_t bytes) {
  SiteJournal& from = entry_of(old.site);
  SiteJournal& to = entry_of(Site);
  freed(from.begun, old.bytes);
  allocated(to.begun, bytes);
  void* memory = std::realloc(old.memory, bytes);
  freed(from.done, old.bytes);
  allocated(to.done, bytes);
  return {memory, bytes, Site};
}

void release(Block block) {
  if (block.memory == nullptr) return;
  SiteJournal& entry = entry_of(block.site);
  freed(entry.begun, block.bytes);
  if (block.site % 4 == 0) {
    ::operator delete(block.memory);
  } else {
    std::free(block.memory);
  }
  freed(entry.done, block.bytes);
}

using Allocate = Block (*)(uint64_t);
using Reallocate = Block (*)(Block, uint64_t);
template <int... Site>
constexpr std::array<Allocate, kSites> all_allocate(std::integer_sequence<int, Site...>) {
  return {allocate_at<Site>...};
}
template <int... Site>
constexpr std::array<Reallocate, kSites> all_reallocate(std::integer_sequence<int, Site...>) {
  return {reallocate_at<Site>...};
}
constexpr auto kAllocate = all_allocate(std::make_integer_sequence<int, kSites>());
constexpr auto kReallocate = all_reallocate(std::make_integer_sequence<int, kSites>());

// Blocks that go from thread to thread: who takes one may free what another allocated.
std::array<std::atomic<Block*>, kSlots> slots;

void work(int thread) {
  self = thread;
  std::minstd_rand random(static_cast<unsigned>(thread) + 1);
  std::vector<Block> holders(kSlots / 2);  // of this thread's blocks in the slots; made once
  std::vector<Block*> unused;
  unused.reserve(kSlots);
  for (Block& holder : holders) unused.push_back(&holder);
  for (;;) {
    std::atomic<Block*>& slot = slots[random() % kSlots];
    Block* taken = slot.exchange(nullptr);
    Block block = taken == nullptr ? Block() : *taken;
    // A holder serves whoever took it, so none is lost.
    if (taken != nullptr && unused.size() < unused.capacity()) unused.push_back(taken);
    const uint64_t bytes = 64 * (1 + random() % 64);
    const int site = static_cast<int>(random() % kSites);
    if (block.memory != nullptr && block.site % 4 != 0 && site % 4 == 3) {
      block = kReallocate[site](block, bytes);
    } else {
      release(block);
      block = kAllocate[site](bytes);
    }
    std::memset(block.memory, 1, 8);
    if (unused.empty()) {
      release(block);
      continue;
    }
    Block* holder = unused.back();
    unused.pop_back();
    *holder = block;
    Block* displaced = slot.exchange(holder);
    if (displaced != nullptr) {
      release(*displaced);
      if (unused.size() < unused.capacity()) unused.push_back(displaced);
    }
  }
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) return 2;
  const int fd = open(arguments[1], O_RDWR | O_CREAT | O_TRUNC, 0600);
  if (fd < 0 || ftruncate(fd, sizeof(Journal)) != 0) return 2;
  void* mapped = mmap(nullptr, sizeof(Journal), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (mapped == MAP_FAILED) return 2;
  close(fd);
  journal = static_cast<Journal*>(mapped);
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) threads.emplace_back(work, i);
  if (write(STDOUT_FILENO, "READY\n", 6) != 6) return 2;
  for (std::thread& thread : threads) thread.join();
}
