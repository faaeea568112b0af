#include "report/utf8.h"

#include <cstdint>

namespace mla {

namespace {

bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

// Bytes of the well-formed sequence the text begins with; 0 if there is none.
size_t sequence_length(std::string_view text) {
  const auto first = static_cast<unsigned char>(text[0]);
  if (first < 0x80) return 1;
  const size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) return 0;
  uint32_t code = first & (0x7fU >> length);
  for (size_t i = 1; i < length; ++i) {
    if (!is_continuation(text[i])) return 0;
    code = code << 6 | (static_cast<unsigned char>(text[i]) & 0x3fU);
  }
  const bool overlong = (length == 3 && code < 0x800) || (length == 4 && code < 0x10000);
  const bool surrogate = code >= 0xd800 && code <= 0xdfff;
  return overlong || surrogate || code > 0x10ffff ? 0 : length;
}

constexpr const char* kReplacement = "\xef\xbf\xbd";  // U+FFFD
constexpr const char* kEllipsis = "\xe2\x80\xa6";     // U+2026

}  // namespace

std::string valid_utf8(std::string_view bytes) {
  std::string result;
  result.reserve(bytes.size());
  while (!bytes.empty()) {
    const size_t length = sequence_length(bytes);
    if (length == 0) {
      result += kReplacement;
    } else {
      result += bytes.substr(0, length);
    }
    bytes.remove_prefix(length == 0 ? 1 : length);
  }
  return result;
}

std::string printable(std::string_view bytes) {
  std::string result = valid_utf8(bytes);
  for (char& c : result) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) c = '?';
  }
  // C1 control characters, U+0080 to U+009F, move the cursor too.
  for (size_t i = 0; i + 1 < result.size(); ++i) {
    if (result[i] == '\xc2' && static_cast<unsigned char>(result[i + 1]) < 0xa0) {
      result.replace(i, 2, "?");
    }
  }
  return result;
}

size_t columns(std::string_view utf8) {
  size_t count = 0;
  for (const char c : utf8) count += is_continuation(c) ? 0 : 1;
  return count;
}

std::string cut_right(std::string_view utf8, size_t width) {
  if (columns(utf8) <= width) return std::string(utf8);
  if (width == 0) return "";
  size_t end = 0;
  for (size_t column = 0; column < width; ++end) {
    if (!is_continuation(utf8[end]) && column++ == width - 1) break;
  }
  return std::string(utf8.substr(0, end)) + kEllipsis;
}

std::string cut_left(std::string_view utf8, size_t width) {
  const size_t all = columns(utf8);
  if (all <= width) return std::string(utf8);
  if (width == 0) return "";
  size_t begin = 0;
  for (size_t dropped = 0; dropped <= all - width; ++dropped) {
    do {
      ++begin;
    } while (begin < utf8.size() && is_continuation(utf8[begin]));
  }
  return kEllipsis + std::string(utf8.substr(begin));
}

}  // namespace mla
