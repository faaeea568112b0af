// Strings in fixed buffers: what little of it the preload needs, without libc's locale or heap.
#pragma once

#include <cstddef>
#include <cstdint>

namespace mla {

// Appends to a caller's buffer, always NUL-terminated; what does not fit is cut and remembered.
class Text {
 public:
  Text(char* buffer, size_t capacity) : buffer_(buffer), capacity_(capacity) { buffer_[0] = 0; }

  Text& add(const char* s) {
    while (*s != 0) add_char(*s++);
    return *this;
  }
  Text& add(const char* s, size_t n) {
    for (size_t i = 0; i < n; ++i) add_char(s[i]);
    return *this;
  }
  Text& add_char(char c) {
    if (length_ + 1 < capacity_) {
      buffer_[length_++] = c;
      buffer_[length_] = 0;
    } else {
      cut_ = true;
    }
    return *this;
  }
  Text& add_number(uint64_t value, unsigned base = 10) {
    char digits[24];
    int n = 0;
    do {
      digits[n++] = "0123456789abcdef"[value % base];
      value /= base;
    } while (value != 0);
    while (n > 0) add_char(digits[--n]);
    return *this;
  }
  const char* c_str() const { return buffer_; }
  size_t length() const { return length_; }
  bool cut() const { return cut_; }

 private:
  char* buffer_;
  size_t capacity_;
  size_t length_ = 0;
  bool cut_ = false;
};

inline size_t text_length(const char* s) { return __builtin_strlen(s); }
inline bool same_text(const char* a, const char* b) {
  while (*a != 0 && *a == *b) {
    ++a;
    ++b;
  }
  return *a == *b;
}
inline bool starts_with(const char* s, const char* prefix) {
  while (*prefix != 0) {
    if (*s++ != *prefix++) return false;
  }
  return true;
}
// The part after the last '/', or all of it.
inline const char* base_name(const char* path) {
  const char* base = path;
  for (const char* p = path; *p != 0; ++p) {
    if (*p == '/') base = p + 1;
  }
  return base;
}
// Position of `needle` in `s[0..n)`, or n. NUL bytes in s are ordinary characters.
inline size_t find_text(const char* s, size_t n, const char* needle) {
  const size_t m = text_length(needle);
  for (size_t i = 0; m <= n && i <= n - m; ++i) {
    if (__builtin_memcmp(s + i, needle, m) == 0) return i;
  }
  return n;
}

}  // namespace mla
