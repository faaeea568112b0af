#include "segment/own_memory.h"

#include "segment/sys.h"

namespace mla {

std::atomic<uint64_t> own_private_bytes;

namespace {

constexpr size_t kChunkBytes = 256 * 1024;
constexpr size_t kAlignment = 64;

// Bump allocation without a lock. A chunk is replaced by CAS when it has no room left.
struct Chunk {
  std::atomic<size_t> used;
  char pad[kAlignment - sizeof(std::atomic<size_t>)];
};
std::atomic<Chunk*> current_chunk;

// Address space that own_map() and own_reserve() gave.
std::atomic<uint64_t> own_mapped_bytes;
// After a refusal the next requests of that size or more are refused unasked: to ask takes up to
// five system calls, and a program that meets its limit may go on allocating for long.
constexpr uint32_t kRefusedUnasked = 1000;
std::atomic<uint32_t> refused_unasked;
std::atomic<uint64_t> refused_bytes;

// Of the process, in bytes; 0: not known.
struct Mapped {
  uint64_t all = 0;   // what RLIMIT_AS counts
  uint64_t data = 0;  // what RLIMIT_DATA counts
};
Mapped mapped_bytes() {
  constexpr uint32_t kAll = 0;  // fields of statm, which are in pages
  constexpr uint32_t kData = 5;
  char text[128] = {};
  const int fd = sys::open("/proc/self/statm", O_RDONLY);
  if (fd < 0) return {};
  sys::read(fd, text, sizeof text - 1);
  sys::close(fd);
  uint64_t fields[kData + 1] = {};
  uint32_t field = 0;
  for (const char* p = text; *p != 0 && field <= kData; ++p) {
    if (*p == ' ') {
      ++field;
    } else if (*p >= '0' && *p <= '9') {
      fields[field] = fields[field] * 10 + static_cast<uint64_t>(*p - '0');
    }
  }
  return {fields[kAll] * 4096, fields[kData] * 4096};
}

uint64_t limit_of(int what) {
  struct rlimit limit = {};
  if (sys::getrlimit(what, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return kNoLimit;
  return limit.rlim_cur;
}

uint64_t spare_of(uint64_t limit, uint64_t mapped) {
  constexpr uint64_t kShareOfLeft = 8;
  constexpr uint64_t kShareOfLimit = 4;
  if (limit == kNoLimit) return kNoLimit;
  const uint64_t own = own_mapped_bytes.load(std::memory_order_relaxed);
  const uint64_t share = limit / kShareOfLimit;
  if (own >= share || mapped == 0 || mapped >= limit) return 0;
  const uint64_t of_left = (limit - mapped) / kShareOfLeft;
  return of_left < share - own ? of_left : share - own;
}

// The ranges of all of it, sorted, neighbours joined. 256 KiB of .bss, touched as far as used.
constexpr uint32_t kMostRanges = 16384;
constexpr uint32_t kMostSpins = 1 << 12;
constexpr uint32_t kGivenUp = 2;  // of ranges_locked
OwnRange ranges[kMostRanges];
std::atomic<uint32_t> range_count;
std::atomic<uint32_t> ranges_locked;
std::atomic<bool> ranges_incomplete;

// False when it is busy for too long; then nobody waits until its holder gives it back. One that
// was left by a siglongjmp never does.
bool lock_ranges() {
  for (uint32_t spins = 0; spins < kMostSpins; ++spins) {
    uint32_t seen = 0;
    if (ranges_locked.compare_exchange_weak(seen, 1, std::memory_order_acquire)) return true;
    if (seen == kGivenUp) return false;
    if (spins > 100) sys::call(SYS_sched_yield);
  }
  ranges_incomplete.store(true, std::memory_order_relaxed);
  uint32_t held = 1;  // not, if its holder has just given it back
  ranges_locked.compare_exchange_strong(held, kGivenUp, std::memory_order_relaxed);
  return false;
}
// Also when it was given up: whoever comes back was only slow, and nobody else has been in.
void unlock_ranges() { ranges_locked.store(0, std::memory_order_release); }

uint32_t first_range_ending_after(uintptr_t address) {
  uint32_t low = 0;
  uint32_t high = range_count.load(std::memory_order_relaxed);
  while (low < high) {
    const uint32_t middle = low + (high - low) / 2;
    if (ranges[middle].end <= address) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

void add_range(const void* p, size_t bytes) {
  if (!lock_ranges()) return;
  const auto start = reinterpret_cast<uintptr_t>(p);
  const uintptr_t end = start + ((bytes + 4095) & ~size_t{4095});
  const uint32_t count = range_count.load(std::memory_order_relaxed);
  const uint32_t i = first_range_ending_after(start);
  if (i < count && ranges[i].start == end) {  // the kernel maps downwards
    ranges[i].start = start;
  } else if (i > 0 && ranges[i - 1].end == start) {
    ranges[i - 1].end = end;
  } else if (count == kMostRanges) {
    ranges_incomplete.store(true, std::memory_order_relaxed);
  } else {
    __builtin_memmove(ranges + i + 1, ranges + i, (count - i) * sizeof(OwnRange));
    ranges[i] = {start, end};
    range_count.store(count + 1, std::memory_order_relaxed);
  }
  unlock_ranges();
}

void remove_range(const void* p, size_t bytes) {
  if (!lock_ranges()) return;
  const auto start = reinterpret_cast<uintptr_t>(p);
  const uintptr_t end = start + ((bytes + 4095) & ~size_t{4095});
  const uint32_t count = range_count.load(std::memory_order_relaxed);
  const uint32_t i = first_range_ending_after(start);
  if (i < count && ranges[i].start <= start && ranges[i].end >= end) {
    const OwnRange old = ranges[i];
    if (old.start == start && old.end == end) {
      __builtin_memmove(ranges + i, ranges + i + 1, (count - i - 1) * sizeof(OwnRange));
      range_count.store(count - 1, std::memory_order_relaxed);
    } else if (old.start == start) {
      ranges[i].start = end;
    } else {
      ranges[i].end = start;
      if (old.end > end && count == kMostRanges) {
        ranges_incomplete.store(true, std::memory_order_relaxed);
      } else if (old.end > end) {
        __builtin_memmove(ranges + i + 2, ranges + i + 1, (count - i - 1) * sizeof(OwnRange));
        ranges[i + 1] = {end, old.end};
        range_count.store(count + 1, std::memory_order_relaxed);
      }
    }
  }
  unlock_ranges();
}

bool is_to_spare(size_t bytes) {
  const uint32_t unasked = refused_unasked.load(std::memory_order_relaxed);
  if (unasked > 0 && bytes >= refused_bytes.load(std::memory_order_relaxed)) {
    refused_unasked.store(unasked - 1, std::memory_order_relaxed);  // two threads may count one
    return false;
  }
  if (bytes <= spare_address_space()) return true;
  refused_bytes.store(bytes, std::memory_order_relaxed);
  refused_unasked.store(kRefusedUnasked, std::memory_order_relaxed);
  return false;
}

void* map(size_t bytes, int flags) {
  if (!is_to_spare(bytes)) return nullptr;
  void* p =
      sys::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
  if (sys::failed(p)) return nullptr;
  own_mapped_bytes.fetch_add(bytes, std::memory_order_relaxed);
  add_range(p, bytes);
  return p;
}

}  // namespace

OwnRange next_own_range(uintptr_t address) {
  OwnRange found;
  if (!lock_ranges()) return found;
  const uint32_t i = first_range_ending_after(address);
  if (i < range_count.load(std::memory_order_relaxed)) found = ranges[i];
  unlock_ranges();
  return found;
}

bool own_ranges_incomplete() { return ranges_incomplete.load(std::memory_order_relaxed); }

void reset_own_ranges_after_fork() {
  if (ranges_locked.load(std::memory_order_relaxed) == 0) return;
  ranges_incomplete.store(true, std::memory_order_relaxed);
  unlock_ranges();
}

void own_unmap(void* p, size_t bytes) {
  remove_range(p, bytes);
  own_mapped_bytes.fetch_sub(bytes, std::memory_order_relaxed);
  sys::munmap(p, bytes);
}

uint64_t spare_address_space() {
  const uint64_t all = limit_of(RLIMIT_AS);
  const uint64_t data = limit_of(RLIMIT_DATA);
  if (all == kNoLimit && data == kNoLimit) return kNoLimit;
  const Mapped mapped = mapped_bytes();
  const uint64_t of_all = spare_of(all, mapped.all);
  const uint64_t of_data = spare_of(data, mapped.data);
  return of_all < of_data ? of_all : of_data;
}

bool calls_are_filtered() {
  constexpr long kGetSeccomp = 21;  // PR_GET_SECCOMP
  enum : uint32_t { kUnknown, kNo, kYes };
  static std::atomic<uint32_t> known{kUnknown};
  uint32_t answer = known.load(std::memory_order_relaxed);
  if (answer == kUnknown) {
    answer = sys::call(SYS_prctl, kGetSeccomp) > 0 ? kYes : kNo;
    known.store(answer, std::memory_order_relaxed);
  }
  return answer == kYes;
}

bool own_residents(const void* at, size_t bytes, unsigned char* resident) {
  if (!calls_are_filtered()) return sys::mincore(at, bytes, resident) == 0;
  constexpr size_t kEntries = 64;
  constexpr int kSwapped = 62;  // bit 63: present
  uint64_t entries[kEntries];
  const int fd = sys::open("/proc/self/pagemap", O_RDONLY);
  if (fd < 0) return false;
  const size_t first = reinterpret_cast<uintptr_t>(at) / 4096;
  const size_t pages = (bytes + 4095) / 4096;
  size_t page = 0;
  while (page < pages) {
    const size_t count = pages - page < kEntries ? pages - page : kEntries;
    const long n = sys::call(SYS_pread64, fd, sys::arg(entries), static_cast<long>(count * 8),
                             static_cast<long>((first + page) * 8));
    if (n != static_cast<long>(count * 8)) break;
    for (size_t i = 0; i < count; ++i) resident[page + i] = entries[i] >> kSwapped != 0;
    page += count;
  }
  sys::close(fd);
  return page == pages;
}

void* own_map(size_t bytes) {
  void* p = map(bytes, 0);
  if (p != nullptr) own_private_bytes.fetch_add(bytes, std::memory_order_relaxed);
  return p;
}

void own_empty(void* p, size_t bytes) {
  constexpr size_t kPage = 4096;
  if (bytes <= kPage || sys::madvise(static_cast<char*>(p) + kPage, bytes - kPage, MADV_DONTNEED)) {
    return;
  }
  own_private_bytes.fetch_sub(bytes - kPage, std::memory_order_relaxed);
}

void* own_reserve(size_t bytes) {
  void* p = map(bytes, MAP_NORESERVE);
  if (p == nullptr) return nullptr;
  sys::madvise(p, bytes, MADV_DONTDUMP);
  // With transparent huge pages "always" a single touched slot would cost 2 MiB.
  sys::madvise(p, bytes, MADV_NOHUGEPAGE);
  return p;
}

void* own_allocate(size_t bytes) {
  bytes = (bytes + kAlignment - 1) & ~(kAlignment - 1);
  if (bytes > kChunkBytes / 4) return own_map((bytes + 4095) & ~size_t{4095});
  for (;;) {
    Chunk* chunk = current_chunk.load(std::memory_order_acquire);
    if (chunk != nullptr) {
      const size_t at = chunk->used.fetch_add(bytes, std::memory_order_relaxed);
      if (at + bytes <= kChunkBytes) return reinterpret_cast<char*>(chunk) + at;
    }
    Chunk* fresh = static_cast<Chunk*>(own_map(kChunkBytes));
    if (fresh == nullptr) return nullptr;
    fresh->used.store(sizeof(Chunk), std::memory_order_relaxed);
    // Release: pairs with the acquire load above. A loser gives its chunk back and takes the other.
    if (!current_chunk.compare_exchange_strong(chunk, fresh, std::memory_order_acq_rel)) {
      own_unmap(fresh, kChunkBytes);
      own_private_bytes.fetch_sub(kChunkBytes, std::memory_order_relaxed);
    }
  }
}

}  // namespace mla
