// The address space of this process as the kernel describes it: its mappings, and which of their
// pages are resident. No allocation, no lasting descriptor.
#pragma once

#include <cstdint>

namespace mla {

struct MapEntry {
  uintptr_t start = 0;
  uintptr_t end = 0;
  bool accessible = false;  // not PROT_NONE
  bool shared = false;
  const char* name = "";  // of name_length bytes, not terminated; points into the MapsText
  uint32_t name_length = 0;

  bool is_named(const char* text) const;
  bool starts_with(const char* text) const;
};

// /proc/self/maps, read at once and taken apart one mapping at a time.
class MapsText {
 public:
  // Some 10,000 mappings: 10 ms to read. Longer ones are cut.
  static constexpr uint32_t kCapacity = 1 << 20;
  static constexpr uint32_t kFirstCapacity = 128 << 10;

  // False if there is no /proc or no memory. A text that outgrows the buffer is cut; the next one
  // finds a larger buffer.
  bool read();
  // Ascending. False at the end.
  bool next(MapEntry& entry);
  bool cut() const { return cut_; }
  // Gives the memory of a long text back. Entries point nowhere from now on.
  void drop();

 private:
  bool make_room();

  char* text_ = nullptr;
  uint32_t capacity_ = 0;
  uint32_t length_ = 0;
  uint32_t at_ = 0;
  bool cut_ = false;
};

// Residency of pages. Holds a descriptor for as long as it lives: keep it in a block.
class PageMap {
 public:
  static constexpr uint32_t kMostPages = 512;

  // Without /proc/self/pagemap only private anonymous memory can be asked for.
  bool failed() const { return failed_; }
  // Sets resident[i] to 0 or 1 for `count` <= kMostPages pages from `start`. `scratch`: as many
  // words. False if the kernel does not tell. The file is opened and closed at each call: a child
  // that another thread forks meanwhile would keep it for good.
  bool residents(uintptr_t start, uint32_t count, bool anonymous, uint64_t* scratch,
                 unsigned char* resident);

 private:
  bool failed_ = false;
};

}  // namespace mla
