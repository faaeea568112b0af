#include "capture/mappings.h"

#include "segment/own_memory.h"
#include "segment/sys.h"

namespace mla {

MappingTable mapping_table;
MappingTable reservation_table;

bool MappingTable::lock() {
  for (uint32_t spins = 0; spins < kMostSpins; ++spins) {
    uint32_t seen = 0;
    if (locked_.compare_exchange_weak(seen, 1, std::memory_order_acquire)) return true;
    if (seen == 2) return false;
    if (spins >= kSpinsBeforeYield) sys::call(SYS_sched_yield);  // its holder has no processor
  }
  locked_.store(2, std::memory_order_relaxed);
  return false;
}

uint32_t MappingTable::first_ending_after(uintptr_t address) const {
  uint32_t low = 0;
  uint32_t high = count_;
  while (low < high) {
    const uint32_t middle = low + (high - low) / 2;
    if (table_[middle].end <= address) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

bool MappingTable::insert_at(uint32_t i, const Mapping& mapping) {
  if (table_ == nullptr) {
    table_ = static_cast<Mapping*>(own_reserve(kCapacity * sizeof(Mapping)));
    if (table_ == nullptr) return false;
  }
  if (count_ == kCapacity) return false;
  __builtin_memmove(table_ + i + 1, table_ + i, (count_ - i) * sizeof(Mapping));
  table_[i] = mapping;
  ++count_;
  return true;
}

void MappingTable::erase(uint32_t i) {
  --count_;
  __builtin_memmove(table_ + i, table_ + i + 1, (count_ - i) * sizeof(Mapping));
}

bool MappingTable::insert(const Mapping& mapping) {
  if (!lock()) return false;
  const bool inserted = insert_at(first_ending_after(mapping.start), mapping);
  unlock();
  return inserted;
}

bool MappingTable::next(uintptr_t address, Mapping& found) {
  if (!lock()) return false;
  const uint32_t i = first_ending_after(address);
  const bool there = i < count_;
  if (there) found = table_[i];
  unlock();
  return there;
}

bool MappingTable::reset_after_fork() {
  if (locked_.load(std::memory_order_relaxed) == 0) return true;
  count_ = 0;
  unlock();
  return false;
}

}  // namespace mla
