// mla's private memory: straight from the kernel, never from an allocator, and counted.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace mla {

// Bytes of private memory handed out by the functions below, reservations left out.
extern std::atomic<uint64_t> own_private_bytes;

// How much of the address space mla may take now. Under RLIMIT_AS or RLIMIT_DATA an eighth of what
// the program has left, and no more than a quarter of the limit in all: the program must not fail
// for what mla took. kNoLimit without a limit.
inline constexpr uint64_t kNoLimit = ~uint64_t{0};
uint64_t spare_address_space();

// Zeroed, page-aligned memory; nullptr when the kernel gives none, or when it would take more than
// spare_address_space(). Never freed.
void* own_map(size_t bytes);
// Gives the memory of all but the first page of an own_map() back; it reads as zero from now on and
// is not counted any more.
void own_empty(void* p, size_t bytes);
// Address space as by own_map(): pages cost memory when they are touched, and are not counted
// (the live map counts its own resident pages). Left out of core dumps.
void* own_reserve(size_t bytes);
// Unmaps what own_map() or own_reserve() gave; the counter above is the caller's.
void own_unmap(void* p, size_t bytes);

// Which pages of own memory hold something: bit 0 of `resident`, one byte a page. False if the
// kernel does not say. `at` is page-aligned.
bool own_residents(const void* at, size_t bytes, unsigned char* resident);

// A filter of system calls was there when the program started, which may end it for calls that are
// less usual. Those of systemd's @system-service are made then; mincore, and what libunwind calls,
// are not.
bool calls_are_filtered();

// Where all this lies, so that the ledger can tell it from the program's memory.
struct OwnRange {
  uintptr_t start = 0;
  uintptr_t end = 0;
};
// The first range that ends after `address`; {0, 0}: none.
OwnRange next_own_range(uintptr_t address);
// Some ranges found no room in the list, or it was busy.
bool own_ranges_incomplete();
// In a forked child: another thread of the parent may have held the lock of the list.
void reset_own_ranges_after_fork();

// Small zeroed pieces, 64-byte aligned, never freed. nullptr when the kernel gives no memory.
void* own_allocate(size_t bytes);

template <class T>
T* own_new(size_t count = 1) {
  return static_cast<T*>(own_allocate(sizeof(T) * count));
}

}  // namespace mla
