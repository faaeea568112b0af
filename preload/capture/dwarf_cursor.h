// Reading call frame information.
#pragma once

#include <cstdint>

namespace mla {

// Reads forward. Of what lies beyond the end it gives zeros, and remembers that it was asked.
class Cursor {
 public:
  // DW_EH_PE_*: how an address is stored.
  static constexpr uint8_t kEncodingOmit = 0xff;
  static constexpr uint8_t kEncodingFormat = 0x0f;
  static constexpr uint8_t kEncodingBase = 0x70;
  static constexpr uint8_t kPcRelative = 0x10;
  static constexpr uint8_t kDataRelative = 0x30;

  Cursor() = default;
  Cursor(uintptr_t at, uintptr_t end) : at_(at), end_(end), failed_(at > end) {}
  uintptr_t at() const { return at_; }
  bool done() const { return at_ >= end_ || failed_; }
  bool failed() const { return failed_; }
  void skip(uint64_t n) {
    failed_ = failed_ || n > end_ - at_;
    if (!failed_) at_ += n;
  }

  template <class T>
  T get() {
    T value{};
    const uintptr_t from = at_;
    skip(sizeof value);
    if (!failed_) __builtin_memcpy(&value, reinterpret_cast<const void*>(from), sizeof value);
    return value;
  }
  uint64_t uleb() {
    uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
      const uint8_t byte = get<uint8_t>();
      if (shift < 64) value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if ((byte & 0x80) == 0) return value;
    }
  }
  int64_t sleb() {
    uint64_t value = 0;
    unsigned shift = 0;
    uint8_t byte = 0;
    do {
      byte = get<uint8_t>();
      if (shift < 64) value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      shift += 7;
    } while ((byte & 0x80) != 0);
    if (shift < 64 && (byte & 0x40) != 0) value |= ~uint64_t{0} << shift;
    return static_cast<int64_t>(value);
  }
  uint64_t encoded(uint8_t encoding, uint64_t data_base) {
    if (encoding == kEncodingOmit) return 0;
    const uint64_t here = at_;
    uint64_t value = 0;
    switch (encoding & kEncodingFormat) {
      case 0x00:
      case 0x04:
        value = get<uint64_t>();
        break;
      case 0x01:
        value = uleb();
        break;
      case 0x02:
        value = get<uint16_t>();
        break;
      case 0x03:
        value = get<uint32_t>();
        break;
      case 0x09:
        value = static_cast<uint64_t>(sleb());
        break;
      case 0x0a:
        value = static_cast<uint64_t>(static_cast<int64_t>(get<int16_t>()));
        break;
      case 0x0b:
        value = static_cast<uint64_t>(static_cast<int64_t>(get<int32_t>()));
        break;
      case 0x0c:
        value = get<uint64_t>();
        break;
      default:
        break;
    }
    if ((encoding & kEncodingBase) == kPcRelative) value += here;
    if ((encoding & kEncodingBase) == kDataRelative) value += data_base;
    return value;
  }

 private:
  uintptr_t at_ = 0;
  uintptr_t end_ = 0;
  bool failed_ = false;
};

}  // namespace mla
