// By what call sites are ranked.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "reader/snapshot.h"

namespace mla {

enum class SiteOrder {
  kLive,       // bytes alive now
  kAllocated,  // bytes ever allocated
  kCount,      // blocks alive now
  kPeak,       // bytes alive at the peak of the process
  kTemporary,  // bytes allocated and freed again
};

uint64_t site_value(const Site& site, SiteOrder order);
std::string order_name(SiteOrder order);  // "live bytes", ...

// Indexes of the sites with a value above 0, largest first. Mappings are ranked with the heap.
std::vector<uint32_t> ranked_sites(const Snapshot& snapshot, SiteOrder order);

}  // namespace mla
