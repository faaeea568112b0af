#include "capture/sample_table.h"

#include "segment/own_memory.h"
#include "segment/sys.h"

namespace mla {

constinit SampleTable sample_table{};

bool SampleTable::lock(Part& part) {
  for (uint32_t spins = 0; spins < kMostSpins; ++spins) {
    uint32_t seen = 0;
    if (part.locked.compare_exchange_weak(seen, 1, std::memory_order_acquire)) return true;
    if (seen == 2) return false;
    if (spins >= kSpinsBeforeYield) sys::call(SYS_sched_yield);
  }
  part.locked.store(2, std::memory_order_relaxed);
  return false;
}

// With the part locked.
bool SampleTable::grow(Part& part) {
  const uint32_t capacity = part.capacity == 0 ? kFirstCapacity : part.capacity * 2;
  const size_t bytes = capacity * sizeof(SampledBlock);
  auto* slots = static_cast<SampledBlock*>(own_map((bytes + 4095) & ~size_t{4095}));
  if (slots == nullptr) return false;
  for (uint32_t i = 0; i < part.capacity; ++i) {
    if (part.slots[i].address == 0) continue;
    uint32_t at = home(part.slots[i].address, capacity);
    while (slots[at].address != 0) at = (at + 1) & (capacity - 1);
    slots[at] = part.slots[i];
  }
  if (part.capacity != 0) {
    const size_t old = (part.capacity * sizeof(SampledBlock) + 4095) & ~size_t{4095};
    own_unmap(part.slots, old);
    own_private_bytes.fetch_sub(old, std::memory_order_relaxed);
  }
  part.slots = slots;
  part.capacity = capacity;
  return true;
}

// Entries behind the hole that may not be reached over it are moved back (Knuth, 6.4, algorithm R).
void SampleTable::remove_at(Part& part, uint32_t i) {
  const uint32_t mask = part.capacity - 1;
  for (uint32_t next = (i + 1) & mask; part.slots[next].address != 0; next = (next + 1) & mask) {
    const uint32_t wants = home(part.slots[next].address, part.capacity);
    if (((next - wants) & mask) >= ((next - i) & mask)) {
      part.slots[i] = part.slots[next];
      i = next;
    }
  }
  part.slots[i] = SampledBlock{};
  --part.count;
}

bool SampleTable::add_to_page(uintptr_t address, bool one_more) {
  std::atomic<Page*>& place = directory_[address >> kLeafBits];
  Page* leaf = place.load(std::memory_order_acquire);
  if (leaf == nullptr) {
    constexpr size_t kBytes = kLeafSpan >> kPageBits;
    Page* fresh = static_cast<Page*>(own_reserve(kBytes));
    if (fresh == nullptr) return false;
    // Release: pairs with the acquire in may_hold().
    if (place.compare_exchange_strong(leaf, fresh, std::memory_order_acq_rel)) {
      leaf = fresh;
    } else {
      own_unmap(fresh, kBytes);
    }
  }
  Page& page = leaf[(address & (kLeafSpan - 1)) >> kPageBits];
  uint8_t seen = page.load(std::memory_order_relaxed);
  do {
    if (seen == kSaturated) return true;
  } while (!page.compare_exchange_weak(seen, static_cast<uint8_t>(one_more ? seen + 1 : seen - 1),
                                       std::memory_order_relaxed));
  return true;
}

bool SampleTable::insert(const SampledBlock& block, SampledBlock& stale) {
  if (block.address >= kAddressLimit || !add_to_page(block.address, true)) return false;
  Part& part = part_of(block.address);
  bool done = lock(part);
  if (done) {
    done = part.count < part.capacity / 4 * 3 || grow(part);
    if (done) {
      uint32_t i = home(block.address, part.capacity);
      while (part.slots[i].address != 0 && part.slots[i].address != block.address) {
        i = (i + 1) & (part.capacity - 1);
      }
      if (part.slots[i].address != 0) {
        stale = part.slots[i];
      } else {
        ++part.count;
      }
      part.slots[i] = block;
    }
    unlock(part);
  }
  if (!done || stale.address != 0) add_to_page(block.address, false);
  return done;
}

bool SampleTable::take(uintptr_t address, SampledBlock& out) {
  Part& part = part_of(address);
  if (!lock(part)) return false;
  if (part.capacity != 0) {
    uint32_t i = home(address, part.capacity);
    while (part.slots[i].address != 0 && part.slots[i].address != address) {
      i = (i + 1) & (part.capacity - 1);
    }
    if (part.slots[i].address == address) {
      out = part.slots[i];
      remove_at(part, i);
    }
  }
  unlock(part);
  if (out.address != 0) add_to_page(address, false);
  return true;
}

bool SampleTable::may_hold_any(uintptr_t low, uintptr_t high) const {
  if (high > kAddressLimit) high = kAddressLimit;
  while (low < high) {
    const Page* leaf = directory_[low >> kLeafBits].load(std::memory_order_acquire);
    const uintptr_t leaf_end = ((low >> kLeafBits) + 1) << kLeafBits;
    const uintptr_t end = high < leaf_end ? high : leaf_end;
    for (; leaf != nullptr && low < end; low += 1ULL << kPageBits) {
      if (may_hold(low)) return true;
    }
    low = end;
  }
  return false;
}

void SampleTable::forget_generations() {
  for (Part& part : parts_) {
    for (uint32_t i = 0; i < part.capacity; ++i) part.slots[i].generation = 0;
  }
}

void SampleTable::reset_after_fork() {
  for (Part& part : parts_) {
    if (part.locked.load(std::memory_order_relaxed) == 0) continue;
    part.slots = nullptr;
    part.count = part.capacity = 0;
    part.locked.store(0, std::memory_order_relaxed);
  }
}

}  // namespace mla
