#include "capture/heap_pages.h"

namespace mla {

namespace {

constexpr uintptr_t kPage = 4096;

uint64_t overlap(uintptr_t from, uintptr_t to, uintptr_t page) {
  const uintptr_t low = from > page ? from : page;
  const uintptr_t high = to < page + kPage ? to : page + kPage;
  return high > low ? high - low : 0;
}

}  // namespace

void HeapPages::begin(const LiveMap& map, Usable usable, uint64_t header, SitePages* sites,
                      uint64_t site_limit) {
  map_ = &map;
  usable_ = usable;
  header_bytes_ = header;
  sums_ = {};
  sites_ = sites;
  site_limit_ = site_limit;
  carried_ = {};
  cursor_.forget();
}

void HeapPages::add(uint32_t site, uint64_t requested, uint64_t rounding, uint64_t header) {
  requested_ += requested;
  rounding_ += rounding;
  header_ += header;
  // At least a byte: a block of none holds its page too.
  const auto bytes = static_cast<uint32_t>(requested + rounding + 1);
  if (on_page_ != 0 && block_[on_page_ - 1].site == site) {  // neighbours are often alike
    block_[on_page_ - 1].bytes += bytes;
  } else if (on_page_ != kMostOnPage) {
    block_[on_page_++] = {site, bytes};
  }
}

void HeapPages::count(uintptr_t page, bool resident) {
  requested_ = rounding_ = header_ = 0;
  on_page_ = 0;
  if (carried_.usable_end > page) {
    const uint64_t requested = overlap(page, carried_.requested_end, page);
    add(carried_.site, requested, overlap(page, carried_.usable_end, page) - requested, 0);
  }
  cursor_.visit(*map_, page, [&](uintptr_t address, const LiveBlock& b) {
    const uint64_t usable = usable_ == nullptr ? b.bytes : usable_(address, b.bytes);
    const uintptr_t requested_end = address + b.bytes;
    const uintptr_t usable_end = address + (usable > b.bytes ? usable : b.bytes);
    const uint64_t requested = overlap(address, requested_end, page);
    add(format::index(b.site), requested, overlap(address, usable_end, page) - requested,
        header_bytes_);
    if (usable_end > page + kPage) carried_ = {requested_end, usable_end, format::index(b.site)};
    sums_.live_bytes += b.bytes;
    ++sums_.live_blocks;
  });
  if (!resident) return;
  // Blocks seen at different moments may overlap.
  auto part = [left = uint64_t{kPage}](uint64_t wanted) mutable {
    const uint64_t taken = wanted < left ? wanted : left;
    left -= taken;
    return taken;
  };
  sums_.touched_bytes += part(requested_);
  sums_.rounding_bytes += part(rounding_);
  sums_.overhead_bytes += part(header_);
  const uint64_t free_bytes = part(kPage);
  if (on_page_ == 0) {
    sums_.free_pages += free_bytes;
    return;
  }
  sums_.pinned_free += free_bytes;
  if (free_bytes * 2 >= kPage) {
    ++sums_.pinned_pages;
  } else {
    ++sums_.full_pages;
  }
  charge(free_bytes);
}

void HeapPages::charge(uint64_t free_bytes) {
  if (free_bytes == 0) return;
  uint64_t all = 0;
  for (uint32_t i = 0; i < on_page_; ++i) all += block_[i].bytes;
  for (uint32_t i = 0; i < on_page_; ++i) {
    if (block_[i].site >= site_limit_) continue;
    sites_[block_[i].site].pinned += free_bytes * block_[i].bytes / all;
  }
}

}  // namespace mla
