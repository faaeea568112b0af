// The heap map: every page of the heap, or of Python's arenas, against the live blocks on it.
//
// Pages are visited upwards, so a block that began on an earlier page is carried along. For each
// page the bytes of live blocks on it, of their rounding and of their headers are summed; what is
// left of a resident page is free: pinned if a live block keeps the page, else a free page. Pinned
// bytes are charged to the sites on the page, in proportion to their bytes there.
#pragma once

#include <cstdint>

#include "capture/live_map.h"

namespace mla {

struct HeapSums {
  uint64_t live_bytes;
  uint64_t live_blocks;
  uint64_t touched_bytes;
  uint64_t rounding_bytes;
  uint64_t overhead_bytes;
  uint64_t free_pages;
  uint64_t pinned_free;
  uint64_t pinned_pages;
  uint64_t full_pages;
};

// What one site holds. Heap sites pin, mapping sites are resident.
struct SitePages {
  uint64_t pinned;
  uint64_t resident;
};

class HeapPages {
 public:
  // Bytes that a block of `requested` bytes takes at `address`.
  using Usable = uint64_t (*)(uintptr_t address, uint64_t requested);

  // `usable`: nullptr if it is not known. `header`: bytes in front of each block.
  // `sites`: indexed by site id, below `site_limit`; 0: pinned bytes are charged to none.
  void begin(const LiveMap& map, Usable usable, uint64_t header, SitePages* sites,
             uint64_t site_limit);
  // Other threads have run since the last page.
  void resume() { cursor_.forget(); }
  void count(uintptr_t page, bool resident);
  const HeapSums& sums() const { return sums_; }

 private:
  static constexpr uint32_t kMostOnPage = 513;  // two to 16 bytes, and one from before
  void add(uint32_t site, uint64_t requested, uint64_t rounding, uint64_t header);
  void charge(uint64_t free_bytes);

  const LiveMap* map_;
  Usable usable_;
  uint64_t header_bytes_;
  HeapSums sums_;
  SitePages* sites_;
  uint64_t site_limit_;
  LiveMap::Cursor cursor_;
  struct {  // the block that reaches beyond the page
    uintptr_t requested_end;
    uintptr_t usable_end;
    uint32_t site;
  } carried_;
  // Of the page at hand:
  uint64_t requested_;
  uint64_t rounding_;
  uint64_t header_;
  uint32_t on_page_;
  struct {
    uint32_t site;
    uint32_t bytes;
  } block_[kMostOnPage];
};

}  // namespace mla
