#include "report/site_order.h"

#include <algorithm>

namespace mla {

uint64_t site_value(const Site& site, SiteOrder order) {
  switch (order) {
    case SiteOrder::kAllocated:
      return site.alloc_bytes;
    case SiteOrder::kCount:
      return site.live_count;
    case SiteOrder::kPeak:
      return site.peak_bytes;
    case SiteOrder::kTemporary:
      return site.freed_bytes;
    case SiteOrder::kLive:
      break;
  }
  return site.live_bytes;
}

std::string order_name(SiteOrder order) {
  switch (order) {
    case SiteOrder::kAllocated:
      return "bytes allocated";
    case SiteOrder::kCount:
      return "live blocks";
    case SiteOrder::kPeak:
      return "bytes at the peak";
    case SiteOrder::kTemporary:
      return "bytes freed again";
    case SiteOrder::kLive:
      break;
  }
  return "live bytes";
}

std::vector<uint32_t> ranked_sites(const Snapshot& snapshot, SiteOrder order) {
  std::vector<uint32_t> result;
  for (uint32_t i = 0; i < snapshot.sites.size(); ++i) {
    if (site_value(snapshot.sites[i], order) > 0) result.push_back(i);
  }
  std::stable_sort(result.begin(), result.end(), [&](uint32_t a, uint32_t b) {
    return site_value(snapshot.sites[a], order) > site_value(snapshot.sites[b], order);
  });
  return result;
}

}  // namespace mla
