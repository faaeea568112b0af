#include "capture/sample_table.h"

#include "segment/own_memory.h"
#include "segment/sys.h"

namespace mla {

constinit SampleTable sample_table{};

SampleTable::Entry* SampleTable::find(Entry* first, uintptr_t address) {
  for (Entry* e = first; e != nullptr; e = e->next) {
    if (e->address.load(std::memory_order_acquire) == address) return e;
  }
  return nullptr;
}

// One of the chain that is empty, or a new one in front; the caller's. nullptr: no memory.
SampleTable::Entry* SampleTable::empty_entry(std::atomic<Entry*>& bucket) {
  Entry* first = bucket.load(std::memory_order_acquire);
  for (Entry* e = first; e != nullptr; e = e->next) {
    uintptr_t seen = e->address.load(std::memory_order_relaxed);
    if (seen == kEmpty &&
        e->address.compare_exchange_strong(seen, kTaken, std::memory_order_acquire)) {
      return e;
    }
  }
  Entry* fresh = own_new<Entry>();
  if (fresh == nullptr) return nullptr;
  fresh->address.store(kTaken, std::memory_order_relaxed);
  fresh->next = first;
  // Release: pairs with the acquire of those who go down the chain.
  while (!bucket.compare_exchange_weak(fresh->next, fresh, std::memory_order_acq_rel)) {
  }
  return fresh;
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
  if (block.address >= kAddressLimit) return false;
  std::atomic<Entry*>& bucket = bucket_of(block.address);
  Entry* e = find(bucket.load(std::memory_order_acquire), block.address);
  if (__builtin_expect(e != nullptr, 0)) {
    stale = block_of(*e);
  } else {
    if (!add_to_page(block.address, true)) return false;
    e = empty_entry(bucket);
    if (e == nullptr) {
      add_to_page(block.address, false);
      return false;
    }
  }
  constexpr auto kRelaxed = std::memory_order_relaxed;
  e->site.store(block.site, kRelaxed);
  e->generation.store(block.generation, kRelaxed);
  e->bytes.store(block.weight.bytes, kRelaxed);
  e->blocks.store(block.weight.blocks, kRelaxed);
  e->variance.store(block.weight.variance, kRelaxed);
  e->kind.store(block.kind, kRelaxed);
  e->label.store(block.label, kRelaxed);
  e->address.store(block.address, std::memory_order_release);
  return true;
}

SampledBlock SampleTable::take(uintptr_t address, BlockKind kind) {
  Entry* e = find(bucket_of(address).load(std::memory_order_acquire), address);
  if (e == nullptr || e->kind.load(std::memory_order_relaxed) != kind) return {};
  const SampledBlock block = block_of(*e);
  e->address.store(kEmpty, std::memory_order_release);
  add_to_page(address, false);
  return block;
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
  for (const std::atomic<Entry*>& bucket : buckets_) {
    for (Entry* e = bucket.load(std::memory_order_acquire); e != nullptr; e = e->next) {
      e->generation.store(0, std::memory_order_relaxed);
    }
  }
}

}  // namespace mla
