#include "top/site_list.h"

#include <algorithm>

namespace mla {

void SiteList::set(std::vector<Entry> sites) {
  sites_ = std::move(sites);
  rebuild();
}

void SiteList::rebuild() {
  const ListItem before = items_.empty() ? ListItem{} : items_[cursor_];
  items_.clear();
  items_.reserve(sites_.size());
  size_t found = SIZE_MAX;
  for (const Entry& site : sites_) {
    const auto open = expanded_.find(site.id);
    const size_t frames = open == expanded_.end() ? 0 : open->second;
    if (follows_ && site.id == before.id) found = items_.size() + std::min(before.frame, frames);
    for (size_t frame = 0; frame <= frames; ++frame) {
      items_.push_back({site.index, site.id, frame});
    }
  }
  if (found != SIZE_MAX) {
    // The screen moves with the cursor, which so stays on its row.
    const size_t row = cursor_ - std::min(first_, cursor_);
    cursor_ = found;
    first_ = cursor_ - std::min(row, cursor_);
  }
  cursor_ = items_.empty() ? 0 : std::min(cursor_, items_.size() - 1);
}

void SiteList::expand(uint32_t id, size_t frames) {
  if (frames == 0) {
    expanded_.erase(id);
  } else {
    expanded_[id] = frames;
  }
  rebuild();
}

void SiteList::move(long by) {
  if (items_.empty()) return;
  const auto last = static_cast<long>(items_.size()) - 1;
  cursor_ = static_cast<size_t>(std::clamp(static_cast<long>(cursor_) + by, 0L, last));
  follows_ = cursor_ != 0;
}

void SiteList::move_to_top() {
  cursor_ = 0;
  follows_ = false;
}

void SiteList::move_to_end() {
  cursor_ = items_.empty() ? 0 : items_.size() - 1;
  follows_ = cursor_ != 0;
}

std::vector<ListItem> SiteList::window(size_t rows) {
  if (rows == 0) return {};
  if (cursor_ < first_) first_ = cursor_;
  if (cursor_ >= first_ + rows) first_ = cursor_ - rows + 1;
  // No empty rows at the end while there is something above.
  const size_t latest = items_.size() > rows ? items_.size() - rows : 0;
  first_ = std::min(first_, latest);
  const size_t end = std::min(items_.size(), first_ + rows);
  return {items_.begin() + static_cast<long>(first_), items_.begin() + static_cast<long>(end)};
}

}  // namespace mla
