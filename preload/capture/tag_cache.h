// A thread's cache from what something was found by, mixed into 64 bits, to the id it has. The bits
// are taken to be what they were made of.
#pragma once

#include <atomic>
#include <cstdint>

namespace mla {

class TagCache {
 public:
  static uint64_t tag_of(uint64_t a, uint64_t b, uint64_t c) {
    uint64_t mixed = a * 0x9e3779b97f4a7c15ULL;
    mixed = (mixed ^ mixed >> 29 ^ b) * 0xbf58476d1ce4e5b9ULL ^ c;
    return (mixed ^ mixed >> 32) * 0x94d049bb133111ebULL | 1;
  }

  // 0: not known.
  uint32_t find(uint64_t tag) const {
    const Entry& e = entries_[tag >> (64 - kBits)];
    return e.tag == tag ? static_cast<uint32_t>(e.id) : 0;
  }

  void keep(uint64_t tag, uint32_t id) {
    // A signal handler may leave by siglongjmp at any instruction: no half of one entry with half
    // of another.
    Entry& e = entries_[tag >> (64 - kBits)];
    e.tag = 0;
    std::atomic_signal_fence(std::memory_order_seq_cst);
    e.id = id;
    std::atomic_signal_fence(std::memory_order_seq_cst);
    e.tag = tag;
  }

 private:
  static constexpr uint32_t kBits = 11;
  struct Entry {
    uint64_t tag;
    uint64_t id;
  };
  Entry entries_[1U << kBits];
};

}  // namespace mla
