// Call sites: a native stack, mostly with a Python stack in Python, of one kind, with an id of
// their own.
#pragma once

#include <cstdint>

#include "format/format.h"

namespace mla {

// The site of a stack that allocates from the heap, or makes mappings; entered the first time it is
// seen. SiteId::kOverflow when the table is full.
format::SiteId heap_site_of(format::NodeId native);
format::SiteId heap_site_of(format::NodeId native, format::NodeId python);
format::SiteId mapping_site_of(format::NodeId native, format::NodeId python);

// A thread's cache of heap sites with a Python stack.
class SiteCache {
 public:
  format::SiteId heap_site(format::NodeId native, format::NodeId python) {
    const uint64_t key =
        static_cast<uint64_t>(format::index(native)) << kNodeBits | format::index(python);
    uint64_t& entry = entries_[(key * 0x9e3779b97f4a7c15ULL) >> (64 - kBits)];
    if (__builtin_expect(entry >> kSiteBits != key, 0)) {
      entry = key << kSiteBits | format::index(heap_site_of(native, python));
    }
    return format::SiteId{static_cast<uint32_t>(entry) & kSiteMask};
  }

 private:
  static constexpr uint32_t kBits = 11;
  static constexpr uint32_t kNodeBits = 21;
  static constexpr uint32_t kSiteBits = 20;
  static constexpr uint32_t kSiteMask = (1U << kSiteBits) - 1;
  static_assert(format::shape(format::Table::kNodes).max_records() <= 1U << kNodeBits);
  static_assert(format::shape(format::Table::kSites).max_records() <= 1U << kSiteBits);
  static_assert(2 * kNodeBits + kSiteBits <= 64);
  // One word each, so that a signal handler that leaves by siglongjmp leaves it whole. Python's
  // node is never 0, and so is no key.
  uint64_t entries_[1U << kBits];
};

// In a forked child, see IdIndex.
void reset_sites_after_fork();

}  // namespace mla
