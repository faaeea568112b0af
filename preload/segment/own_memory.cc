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

// Bytes of address space in use: the first field of statm, in pages. 0: not known.
uint64_t mapped_bytes() {
  char text[32] = {};
  const int fd = sys::open("/proc/self/statm", O_RDONLY);
  if (fd < 0) return 0;
  sys::read(fd, text, sizeof text - 1);
  sys::close(fd);
  uint64_t pages = 0;
  for (const char* p = text; *p >= '0' && *p <= '9'; ++p) {
    pages = pages * 10 + static_cast<uint64_t>(*p - '0');
  }
  return pages * 4096;
}

void* map(size_t bytes, int flags) {
  if (bytes > spare_address_space()) return nullptr;
  void* p =
      sys::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
  return sys::failed(p) ? nullptr : p;
}

}  // namespace

uint64_t spare_address_space() {
  constexpr uint64_t kShare = 8;
  struct rlimit limit = {};
  if (sys::getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return kNoLimit;
  const uint64_t mapped = mapped_bytes();
  return mapped == 0 || mapped >= limit.rlim_cur ? 0 : (limit.rlim_cur - mapped) / kShare;
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
      sys::munmap(fresh, kChunkBytes);
      own_private_bytes.fetch_sub(kChunkBytes, std::memory_order_relaxed);
    }
  }
}

}  // namespace mla
