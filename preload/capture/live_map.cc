#include "capture/live_map.h"

#include "segment/own_memory.h"
#include "segment/sys.h"

namespace mla {

constinit LiveMap live_map{};

namespace {

using format::SiteId;

// A half: site, generation, size, from the lowest bit.
constexpr uint32_t kHalfGenerationAt = 20;
constexpr uint32_t kHalfSizeAt = kHalfGenerationAt + 3;
constexpr uint32_t kHalfBits = kHalfSizeAt + 4;
constexpr uint64_t kHalfMask = (1ULL << kHalfBits) - 1;
constexpr uint64_t kHalfSiteMask = (1ULL << kHalfGenerationAt) - 1;
constexpr uint64_t kHalfGenerationMask = 7;

uint64_t pack_half(const LiveBlock& b) {
  return format::index(b.site) | static_cast<uint64_t>(b.generation) << kHalfGenerationAt |
         b.bytes << kHalfSizeAt;
}
LiveBlock unpack_half(uint64_t half) {
  LiveBlock b;
  b.site = SiteId{static_cast<uint32_t>(half & kHalfSiteMask)};
  b.generation = static_cast<uint32_t>(half >> kHalfGenerationAt & kHalfGenerationMask);
  b.bytes = half >> kHalfSizeAt & 15;
  return b;
}
uint32_t half_shift(uintptr_t address) { return (address >> 3 & 1) != 0 ? kHalfBits : 0; }

}  // namespace

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

bool LiveMap::insert_slowly(uintptr_t address, const LiveBlock& block, LiveBlock& stale) {
  Slot* slot = slot_at(address);
  if (__builtin_expect(slot == nullptr, 0)) {
    slot = make_slot(address);
    if (slot == nullptr) return false;
  }
  uint64_t seen = slot->load(std::memory_order_relaxed);
  if (block.bytes > kTinyBytes || shift_ != 4) {
    if (__builtin_expect(seen != 0, 0)) {
      stale = (seen & kPairFlag) != 0 ? unpack_half(seen >> half_shift(address) & kHalfMask)
                                      : unpack(seen);
    }
    slot->store(pack(block), std::memory_order_relaxed);
    return true;
  }
  const uint32_t at = half_shift(address);
  uint64_t next = 0;
  do {  // the other half belongs to another owner
    const bool pair = (seen & kPairFlag) != 0;
    stale = pair ? unpack_half(seen >> at & kHalfMask) : unpack(seen);
    next = (pair ? seen & ~(kHalfMask << at) : kPairFlag) | pack_half(block) << at;
  } while (!slot->compare_exchange_weak(seen, next, std::memory_order_relaxed));
  return true;
}

LiveBlock LiveMap::take_half(Slot& slot, uintptr_t address) {
  const uint32_t at = half_shift(address);
  uint64_t seen = slot.load(std::memory_order_relaxed);
  uint64_t next = 0;
  do {  // the other half belongs to another owner
    next = seen & ~(kHalfMask << at);
    if (next == kPairFlag) next = 0;
  } while (!slot.compare_exchange_weak(seen, next, std::memory_order_relaxed));
  return unpack_half(seen >> at & kHalfMask);
}

LiveBlock LiveMap::find(uintptr_t address) const {
  const Slot* slot = slot_at(address);
  const uint64_t seen = slot == nullptr ? 0 : slot->load(std::memory_order_relaxed);
  return (seen & kPairFlag) != 0 ? unpack_half(seen >> half_shift(address) & kHalfMask)
                                 : unpack(seen);
}

void LiveMap::forget_generations() {
  for (const std::atomic<Middle*>& up : directory_) {
    Middle* middle = up.load(std::memory_order_relaxed);
    for (uint32_t i = 0; middle != nullptr && i < 1U << kMiddleBits; ++i) {
      Slot* leaf = middle->leaf[i].load(std::memory_order_relaxed);
      for (uint64_t s = 0; leaf != nullptr && s < kLeafSpan >> shift_; ++s) {
        const uint64_t seen = leaf[s].load(std::memory_order_relaxed);
        if (seen == 0) continue;
        const uint64_t one = kHalfGenerationMask << kHalfGenerationAt;
        const uint64_t mask =
            (seen & kPairFlag) != 0 ? one | one << kHalfBits : kGenerationMask << kGenerationAt;
        if ((seen & mask) != 0) leaf[s].store(seen & ~mask, std::memory_order_relaxed);
      }
    }
  }
}

bool LiveMap::resident_pages(const Slot* leaf, unsigned char* resident) const {
  return sys::mincore(leaf, leaf_bytes(), resident) == 0;
}

bool LiveMap::ever_held(uintptr_t low, uintptr_t high) const {
  constexpr uintptr_t kPage = 4096;
  if (high > kAddressLimit) high = kAddressLimit;
  while (low < high) {
    const Middle* middle =
        directory_[low >> (kLeafBits + kMiddleBits)].load(std::memory_order_acquire);
    const uint32_t span_bits = middle == nullptr ? kLeafBits + kMiddleBits : kLeafBits;
    const uintptr_t span_end = ((low >> span_bits) + 1) << span_bits;
    const uintptr_t end = high < span_end ? high : span_end;
    const Slot* first = middle == nullptr ? nullptr : slot_at(low);
    if (first != nullptr) {
      unsigned char resident[kMostLeafPages];
      const uintptr_t from = reinterpret_cast<uintptr_t>(first) & ~(kPage - 1);
      const uintptr_t to = reinterpret_cast<uintptr_t>(slot_at(end - 1)) / kPage * kPage + kPage;
      if (sys::mincore(reinterpret_cast<const void*>(from), to - from, resident) == 0) {
        for (uintptr_t p = 0; p < (to - from) / kPage; ++p) {
          if ((resident[p] & 1) != 0) return true;
        }
      }
    }
    low = end;
  }
  return false;
}

void LiveMap::Cursor::enter(const LiveMap& map, uintptr_t page) {
  static_assert(sizeof resident_ >= kMostLeafPages);
  span_ = page >> kLeafBits;
  leaf_ = page >= kAddressLimit ? nullptr : map.slot_at(span_ << kLeafBits);
  if (leaf_ != nullptr && !map.resident_pages(leaf_, resident_)) leaf_ = nullptr;
}

LiveBlock LiveMap::unpack_half_of(uint64_t slot, uint32_t half) {
  return unpack_half(slot >> (half * kHalfBits) & kHalfMask);
}

uint64_t LiveMap::resident_bytes() const {
  uint64_t pages = 0;
  unsigned char resident[1024];
  static_assert(sizeof resident >= (kLeafSpan >> 4) * sizeof(Slot) / 4096 / 2);
  for (const std::atomic<Middle*>& up : directory_) {
    const Middle* middle = up.load(std::memory_order_acquire);
    for (uint32_t i = 0; middle != nullptr && i < 1U << kMiddleBits; ++i) {
      const Slot* leaf = middle->leaf[i].load(std::memory_order_acquire);
      if (leaf == nullptr) continue;
      const uint64_t bytes = leaf_bytes();
      if (sys::mincore(leaf, bytes, resident) != 0) continue;
      for (uint64_t p = 0; p < bytes / 4096; ++p) pages += resident[p] & 1;
    }
  }
  return pages * 4096;
}

}  // namespace mla
