// Which value covers an address, where later intervals cover earlier ones.
#pragma once

#include <cstdint>
#include <iterator>
#include <map>

namespace mla {

class IntervalMap {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;

  // [low, high) gets `value`; whatever it had is covered. Empty intervals are ignored.
  void paint(uint64_t low, uint64_t high, uint32_t value) {
    if (low >= high) return;
    const uint32_t after = at(high);
    begins_.erase(begins_.lower_bound(low), begins_.upper_bound(high));
    begins_[low] = value;
    begins_[high] = after;
  }

  // kNone if nothing covers the address.
  uint32_t at(uint64_t address) const {
    const auto next = begins_.upper_bound(address);
    return next == begins_.begin() ? kNone : std::prev(next)->second;
  }

 private:
  std::map<uint64_t, uint32_t> begins_;  // a value holds up to the next key
};

}  // namespace mla
