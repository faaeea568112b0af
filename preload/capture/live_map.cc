#include "capture/live_map.h"

#include "segment/own_memory.h"
#include "segment/sys.h"

namespace mla {

constinit LiveMap live_map{};
constinit LiveMap object_map{};

LiveMap::Slot* LiveMap::make_slot(uintptr_t address) {
  if (address >= kAddressLimit) return nullptr;
  std::atomic<Middle*>& up = directory_[address >> (kLeafBits + kMiddleBits)];
  Middle* middle = up.load(std::memory_order_acquire);
  if (middle == nullptr) {
    Middle* fresh = static_cast<Middle*>(own_map(sizeof(Middle)));
    if (fresh == nullptr) return nullptr;
    if (up.compare_exchange_strong(middle, fresh, std::memory_order_acq_rel)) {
      middle = fresh;
    } else {
      own_unmap(fresh, sizeof(Middle));
      own_private_bytes.fetch_sub(sizeof(Middle), std::memory_order_relaxed);
    }
  }
  std::atomic<Slot*>& place = middle->leaf[address >> kLeafBits & ((1U << kMiddleBits) - 1)];
  Slot* leaf = place.load(std::memory_order_acquire);
  if (leaf == nullptr) {
    Slot* fresh = static_cast<Slot*>(own_reserve(leaf_bytes()));
    if (fresh == nullptr) return nullptr;
    if (!place.compare_exchange_strong(leaf, fresh, std::memory_order_acq_rel)) {
      own_unmap(fresh, leaf_bytes());
    }
  }
  return slot_at(address);
}

LiveBlock LiveMap::unpack(const Slot* slot) {
  const uint32_t seen = slot->load(kRelaxed);
  LiveBlock b;
  b.site = format::SiteId{seen & kSiteMask};
  if (b.site == format::SiteId::kNone) return b;
  b.generation = seen >> kGenerationAt & kGenerationMask;
  b.bytes = seen >> kSizeAt & kSizeMask;
  uint32_t at = kSizeBits;
  for (uint32_t i = 1; i <= seen >> kMoreAt; ++i, at += kContinuationBits) {
    const uint32_t more = slot[i].load(kRelaxed);
    // A site there is that of a block which now begins there: the free of this one was missed.
    if ((more & kSiteMask) == 0) b.bytes |= static_cast<uint64_t>(more >> kContinuationAt) << at;
  }
  return b;
}

LiveBlock LiveMap::take_from(Slot* slot) {
  const LiveBlock block = unpack(slot);
  if (block.site == format::SiteId::kNone) return block;
  for (uint32_t i = slot->load(kRelaxed) >> kMoreAt; i > 0; --i) {
    if ((slot[i].load(kRelaxed) & kSiteMask) == 0) slot[i].store(0, kRelaxed);
  }
  slot->store(0, kRelaxed);
  return block;
}

bool LiveMap::insert(uintptr_t address, const LiveBlock& block, LiveBlock& stale) {
  Slot* slot = slot_at(address);
  if (__builtin_expect(slot == nullptr, 0)) {
    slot = make_slot(address);
    if (slot == nullptr) return false;
  }
  stale = take_from(slot);
  labels_of(leaf_of(address))[place_of(address)].store(block.label, kRelaxed);
  if (block.bytes < kFewContinued) {
    store(slot, block.site, block.bytes, block.generation);
    return true;
  }
  const uint64_t bytes = block.bytes < kMostBytes ? block.bytes : kMostBytes;
  uint32_t at = kSizeBits;
  for (uint32_t i = 1; i <= kMostContinuations; ++i, at += kContinuationBits) {
    slot[i].store(static_cast<uint32_t>(bytes >> at & kContinuationMask) << kContinuationAt,
                  kRelaxed);
  }
  slot->store(pack(block.site, bytes, block.generation, kMostContinuations), kRelaxed);
  return true;
}

void LiveMap::forget_generations() {
  for (const std::atomic<Middle*>& up : directory_) {
    Middle* middle = up.load(std::memory_order_relaxed);
    for (uint32_t i = 0; middle != nullptr && i < 1U << kMiddleBits; ++i) {
      Slot* leaf = middle->leaf[i].load(std::memory_order_relaxed);
      unsigned char resident[kMostLeafPages];
      if (leaf == nullptr || !resident_pages(leaf, resident)) continue;
      for (uint64_t s = 0; s < slots_of_leaf(); ++s) {
        if ((resident[s / kSlotsPerPage] & 1) == 0) continue;
        const uint32_t seen = leaf[s].load(kRelaxed);
        // A continuation is no site, and its bits are of the size.
        constexpr uint32_t kGeneration = kGenerationMask << kGenerationAt;
        if ((seen & kSiteMask) != 0 && (seen & kGeneration) != 0)
          leaf[s].store(seen & ~kGeneration, kRelaxed);
      }
    }
  }
}

bool LiveMap::resident_pages(const Slot* leaf, unsigned char* resident) const {
  return own_residents(leaf, slots_of_leaf() * sizeof(Slot), resident);
}

bool LiveMap::ever_held(uintptr_t low, uintptr_t high) const {
  if (high > kAddressLimit) high = kAddressLimit;
  while (low < high) {
    const Middle* middle =
        directory_[low >> (kLeafBits + kMiddleBits)].load(std::memory_order_acquire);
    const uint32_t span_bits = middle == nullptr ? kLeafBits + kMiddleBits : kLeafBits;
    const uintptr_t span_end = ((low >> span_bits) + 1) << span_bits;
    const uintptr_t end = high < span_end ? high : span_end;
    for (const uintptr_t half : {0, 8}) {
      if (half != 0 && upper_ == 0) break;
      if (middle != nullptr && any_resident(slot_at(low | half), slot_at((end - 1) | half)))
        return true;
    }
    low = end;
  }
  return false;
}

// Whether a page of [first, last] is; false for nullptr.
bool LiveMap::any_resident(const Slot* first, const Slot* last) {
  constexpr uintptr_t kPage = 4096;
  if (first == nullptr) return false;
  unsigned char resident[kMostLeafPages];
  const uintptr_t from = reinterpret_cast<uintptr_t>(first) & ~(kPage - 1);
  const uintptr_t to = (reinterpret_cast<uintptr_t>(last) & ~(kPage - 1)) + kPage;
  if (!own_residents(reinterpret_cast<const void*>(from), to - from, resident)) return false;
  for (uintptr_t p = 0; p < (to - from) / kPage; ++p) {
    if ((resident[p] & 1) != 0) return true;
  }
  return false;
}

void LiveMap::Cursor::enter(const LiveMap& map, uintptr_t page) {
  static_assert(sizeof resident_ == kMostLeafPages);
  span_ = page >> kLeafBits;
  leaf_ = page >= kAddressLimit ? nullptr : map.slot_at(span_ << kLeafBits);
  if (leaf_ != nullptr && !map.resident_pages(leaf_, resident_)) leaf_ = nullptr;
}

// The leaf at hand, or the next there is; nullptr at the end.
const std::atomic<uint32_t>* LiveMap::Scan::next_leaf(const LiveMap& map) {
  for (; directory_at_ < 1U << kDirectoryBits; ++directory_at_, middle_at_ = 0) {
    const Middle* middle = map.directory_[directory_at_].load(std::memory_order_acquire);
    for (; middle != nullptr && middle_at_ < 1U << kMiddleBits; ++middle_at_) {
      const Slot* leaf = middle->leaf[middle_at_].load(std::memory_order_acquire);
      if (leaf != nullptr) return leaf;
    }
  }
  return nullptr;
}

uint64_t LiveMap::resident_bytes() const {
  uint64_t pages = 0;
  unsigned char resident[kMostLeafPages];
  for (const std::atomic<Middle*>& up : directory_) {
    const Middle* middle = up.load(std::memory_order_acquire);
    for (uint32_t i = 0; middle != nullptr && i < 1U << kMiddleBits; ++i) {
      const Slot* leaf = middle->leaf[i].load(std::memory_order_acquire);
      if (leaf == nullptr) continue;
      const auto add = [&](const void* from, uint64_t bytes) {
        if (!own_residents(from, bytes, resident)) return;
        for (uint64_t p = 0; p < bytes / 4096; ++p) pages += resident[p] & 1;
      };
      add(leaf, slots_of_leaf() * sizeof(Slot));
      add(labels_of(leaf), slots_of_leaf() * sizeof(Label));
    }
  }
  return pages * 4096;
}

}  // namespace mla
