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

void* map(size_t bytes, int flags) {
  void* p = sys::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
  return sys::failed(p) ? nullptr : p;
}

}  // namespace

void* own_map(size_t bytes) {
  void* p = map(bytes, 0);
  if (p != nullptr) own_private_bytes.fetch_add(bytes, std::memory_order_relaxed);
  return p;
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
