// The list of call sites with a cursor: which are shown, which are expanded, where it is scrolled
// to. Knows ids and numbers of lines, nothing of what stands in them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

namespace mla {

struct ListItem {
  uint32_t index = 0;  // of the site, as set() was given it
  uint32_t id = 0;     // of the site
  size_t frame = 0;    // 0: the site's own line; n: the nth line of its stack
};

class SiteList {
 public:
  struct Entry {
    uint32_t index = 0;
    uint32_t id = 0;
  };

  // The sites in their order. The cursor stays on its site, wherever that moved to; put at the
  // top of the list it stays at the top.
  void set(std::vector<Entry> sites);
  // How many lines the stack of an expanded site has; 0 folds it.
  void expand(uint32_t id, size_t frames);
  bool is_expanded(uint32_t id) const { return expanded_.contains(id); }
  const std::map<uint32_t, size_t>& expanded() const { return expanded_; }

  void move(long by);  // the cursor, in lines
  void move_to_top();
  void move_to_end();

  // The lines that are shown in so many rows; scrolls as far as the cursor needs.
  std::vector<ListItem> window(size_t rows);
  size_t cursor() const { return cursor_; }  // its line, from 0
  size_t first() const { return first_; }    // the first line shown by the last window()
  size_t size() const { return items_.size(); }
  // The site the cursor is on; null in an empty list.
  const ListItem* selected() const { return items_.empty() ? nullptr : &items_[cursor_]; }

 private:
  void rebuild();

  std::vector<Entry> sites_;
  std::vector<ListItem> items_;
  std::map<uint32_t, size_t> expanded_;  // id: lines
  size_t cursor_ = 0;
  bool follows_ = false;  // the site it was put on
  size_t first_ = 0;
};

}  // namespace mla
