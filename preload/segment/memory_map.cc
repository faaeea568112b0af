#include "segment/memory_map.h"

#include "segment/own_memory.h"
#include "segment/sys.h"
#include "segment/text.h"

namespace mla {

namespace {

uintptr_t take_hex(const char*& p, const char* end) {
  uintptr_t value = 0;
  for (; p < end; ++p) {
    const char c = *p;
    const unsigned digit = c >= '0' && c <= '9'   ? static_cast<unsigned>(c - '0')
                           : c >= 'a' && c <= 'f' ? static_cast<unsigned>(c - 'a' + 10)
                                                  : 16;
    if (digit == 16) break;
    value = value << 4 | digit;
  }
  return value;
}

}  // namespace

bool MapEntry::starts_with(const char* text) const {
  const size_t n = text_length(text);
  return name_length >= n && __builtin_memcmp(name, text, n) == 0;
}

bool MapEntry::is_named(const char* text) const {
  return name_length == text_length(text) && starts_with(text);
}

bool MapsText::make_room() {
  if (text_ != nullptr && (!cut_ || capacity_ == kCapacity)) return true;
  // Given up before it is unmapped: a child forked in between must not take it for its own.
  char* const old = text_;
  const uint32_t old_capacity = capacity_;
  text_ = nullptr;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  if (old != nullptr) own_unmap(old, old_capacity);
  capacity_ = old == nullptr ? kFirstCapacity : kCapacity;
  text_ = static_cast<char*>(own_reserve(capacity_));
  return text_ != nullptr;
}

bool MapsText::read() {
  length_ = at_ = 0;
  if (!make_room()) return false;
  cut_ = false;
  const int fd = sys::open("/proc/self/maps", O_RDONLY);
  if (fd < 0) return false;
  long n = 1;
  while (n > 0 && length_ < capacity_) {
    n = sys::read(fd, text_ + length_, capacity_ - length_);
    if (n > 0) length_ += static_cast<uint32_t>(n);
  }
  sys::close(fd);
  cut_ = length_ == capacity_;
  while (cut_ && length_ > 0 && text_[length_ - 1] != '\n') --length_;
  return length_ != 0;
}

// "7f00-7f10 rw-p 00000000 08:01 131  /usr/lib/libc.so.6"
bool MapsText::next(MapEntry& entry) {
  if (at_ >= length_) return false;
  const char* p = text_ + at_;
  const char* const all = text_ + length_;
  const char* end = p;
  while (end < all && *end != '\n') ++end;
  at_ = static_cast<uint32_t>(end - text_) + 1;
  entry.start = take_hex(p, end);
  if (p < end) ++p;
  entry.end = take_hex(p, end);
  entry.accessible = end - p > 4 && (p[1] == 'r' || p[2] == 'w' || p[3] == 'x');
  entry.shared = end - p > 4 && p[4] == 's';
  // Behind the address and its blank: access, offset, device and inode.
  for (int field = 0; field < 5; ++field) {
    while (p < end && *p == ' ') ++p;
    if (field == 4) break;
    while (p < end && *p != ' ') ++p;
  }
  entry.name = p;
  entry.name_length = static_cast<uint32_t>(end - p);
  return true;
}

void MapsText::drop() {
  constexpr uint32_t kKept = 64 * 1024;
  if (length_ > kKept) sys::madvise(text_ + kKept, capacity_ - kKept, MADV_DONTNEED);
  length_ = at_ = 0;
}

bool PageMap::residents(uintptr_t start, uint32_t count, bool anonymous, uint64_t* scratch,
                        unsigned char* resident) {
  constexpr uint64_t kPage = 4096;
  const int fd = failed_ ? -1 : sys::open("/proc/self/pagemap", O_RDONLY);
  failed_ = fd < 0;
  if (fd >= 0) {
    const long n =
        sys::call(SYS_pread64, fd, sys::arg(scratch), static_cast<long>(count * sizeof(uint64_t)),
                  static_cast<long>(start / kPage * sizeof(uint64_t)));
    sys::close(fd);
    if (n == static_cast<long>(count * sizeof(uint64_t))) {
      for (uint32_t i = 0; i < count; ++i) resident[i] = scratch[i] >> 63;
      return true;
    }
  }
  if (!anonymous || calls_are_filtered() ||
      sys::mincore(reinterpret_cast<const void*>(start), count * kPage, resident) != 0) {
    return false;
  }
  for (uint32_t i = 0; i < count; ++i) resident[i] &= 1;
  return true;
}

}  // namespace mla
