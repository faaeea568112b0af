#include "report/utf8.h"

#include <algorithm>
#include <cstdint>
#include <iterator>

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

struct Range {
  uint32_t first;
  uint32_t last;
};

// Of Unicode 15: East_Asian_Width W and F, in ranges that are wide but for holes nobody has
// assigned (https://www.unicode.org/reports/tr11/). wcwidth(3) knows them only in a UTF-8 locale.
constexpr Range kWide[] = {
    {0x1100, 0x115f},   {0x231a, 0x231b},   {0x2329, 0x232a},   {0x23e9, 0x23ec},
    {0x23f0, 0x23f0},   {0x23f3, 0x23f3},   {0x25fd, 0x25fe},   {0x2614, 0x2615},
    {0x2648, 0x2653},   {0x267f, 0x267f},   {0x2693, 0x2693},   {0x26a1, 0x26a1},
    {0x26aa, 0x26ab},   {0x26bd, 0x26be},   {0x26c4, 0x26c5},   {0x26ce, 0x26ce},
    {0x26d4, 0x26d4},   {0x26ea, 0x26ea},   {0x26f2, 0x26f3},   {0x26f5, 0x26f5},
    {0x26fa, 0x26fa},   {0x26fd, 0x26fd},   {0x2705, 0x2705},   {0x270a, 0x270b},
    {0x2728, 0x2728},   {0x274c, 0x274c},   {0x274e, 0x274e},   {0x2753, 0x2755},
    {0x2757, 0x2757},   {0x2795, 0x2797},   {0x27b0, 0x27b0},   {0x27bf, 0x27bf},
    {0x2b1b, 0x2b1c},   {0x2b50, 0x2b50},   {0x2b55, 0x2b55},   {0x2e80, 0x303e},
    {0x3041, 0x3247},   {0x3250, 0x4dbf},   {0x4e00, 0xa4cf},   {0xa960, 0xa97f},
    {0xac00, 0xd7a3},   {0xf900, 0xfaff},   {0xfe10, 0xfe19},   {0xfe30, 0xfe6f},
    {0xff01, 0xff60},   {0xffe0, 0xffe6},   {0x16fe0, 0x18cff}, {0x1aff0, 0x1b2ff},
    {0x1f004, 0x1f004}, {0x1f0cf, 0x1f0cf}, {0x1f18e, 0x1f18e}, {0x1f191, 0x1f19a},
    {0x1f200, 0x1f320}, {0x1f32d, 0x1f335}, {0x1f337, 0x1f37c}, {0x1f37e, 0x1f393},
    {0x1f3a0, 0x1f3ca}, {0x1f3cf, 0x1f3d3}, {0x1f3e0, 0x1f3f0}, {0x1f3f4, 0x1f3f4},
    {0x1f3f8, 0x1f43e}, {0x1f440, 0x1f440}, {0x1f442, 0x1f4fc}, {0x1f4ff, 0x1f53d},
    {0x1f54b, 0x1f54e}, {0x1f550, 0x1f567}, {0x1f57a, 0x1f57a}, {0x1f595, 0x1f596},
    {0x1f5a4, 0x1f5a4}, {0x1f5fb, 0x1f64f}, {0x1f680, 0x1f6c5}, {0x1f6cc, 0x1f6cc},
    {0x1f6d0, 0x1f6d2}, {0x1f6d5, 0x1f6d7}, {0x1f6dc, 0x1f6df}, {0x1f6eb, 0x1f6ec},
    {0x1f6f4, 0x1f6fc}, {0x1f7e0, 0x1f7eb}, {0x1f7f0, 0x1f7f0}, {0x1f90c, 0x1f93a},
    {0x1f93c, 0x1f945}, {0x1f947, 0x1f9ff}, {0x1fa70, 0x1faff}, {0x20000, 0x3fffd}};

// Combining marks of the scripts in use, zero-width spaces and joiners, variation selectors.
constexpr Range kNarrow[] = {
    {0x300, 0x36f},   {0x483, 0x489},   {0x591, 0x5bd},   {0x610, 0x61a},   {0x64b, 0x65f},
    {0x6d6, 0x6dc},   {0x93c, 0x93c},   {0x941, 0x948},   {0x94d, 0x94d},   {0xe31, 0xe31},
    {0xe34, 0xe3a},   {0xe47, 0xe4e},   {0x1160, 0x11ff}, {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff},
    {0x200b, 0x200f}, {0x202a, 0x202e}, {0x2060, 0x2064}, {0x20d0, 0x20ff}, {0x302a, 0x302d},
    {0x3099, 0x309a}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}, {0xfeff, 0xfeff}, {0xe0100, 0xe01ef}};

// What moves the cursor, C0 and C1, and what makes text read in another order than it stands in
// (https://www.unicode.org/reports/tr9/, 2).
constexpr Range kControls[] = {{0x0, 0x1f},      {0x7f, 0x9f},     {0x61c, 0x61c},
                               {0x200e, 0x200f}, {0x202a, 0x202e}, {0x2066, 0x2069}};

template <size_t kCount>
bool is_in(const Range (&ranges)[kCount], uint32_t code) {
  const auto* after =
      std::upper_bound(std::begin(ranges), std::end(ranges), code,
                       [](uint32_t c, const Range& range) { return c < range.first; });
  return after != std::begin(ranges) && code <= std::prev(after)->last;
}

// The code of the well-formed sequence of that length the text begins with, or its first byte.
uint32_t code_of(std::string_view text, size_t length) {
  uint32_t code = static_cast<unsigned char>(text[0]);
  if (length > 1) code &= 0x7fU >> length;
  for (size_t i = 1; i < length; ++i) {
    code = code << 6 | (static_cast<unsigned char>(text[i]) & 0x3fU);
  }
  return code;
}

struct Character {
  size_t bytes;
  size_t columns;
};

// Takes one character off the front; a byte that is none counts as one.
Character take_character(std::string_view& text) {
  const size_t length = std::max<size_t>(sequence_length(text), 1);
  const uint32_t code = code_of(text, length);
  text.remove_prefix(length);
  if (code < kNarrow[0].first) return {length, 1};
  if (is_in(kNarrow, code)) return {length, 0};
  return {length, is_in(kWide, code) ? size_t{2} : size_t{1}};
}

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
  const std::string valid = valid_utf8(bytes);
  std::string result;
  result.reserve(valid.size());
  for (std::string_view rest = valid; !rest.empty();) {
    const size_t length = sequence_length(rest);
    if (is_in(kControls, code_of(rest, length))) {
      result += '?';
    } else {
      result += rest.substr(0, length);
    }
    rest.remove_prefix(length);
  }
  return result;
}

size_t columns(std::string_view utf8) {
  size_t count = 0;
  while (!utf8.empty()) count += take_character(utf8).columns;
  return count;
}

std::string cut_right(std::string_view utf8, size_t width) {
  if (columns(utf8) <= width) return std::string(utf8);
  if (width == 0) return "";
  std::string_view rest = utf8;
  size_t end = 0;
  for (size_t taken = 0;;) {
    const Character next = take_character(rest);
    taken += next.columns;
    if (taken > width - 1) break;
    end += next.bytes;
  }
  return std::string(utf8.substr(0, end)) + kEllipsis;
}

std::string cut_left(std::string_view utf8, size_t width) {
  size_t left = columns(utf8);
  if (left <= width) return std::string(utf8);
  if (width == 0) return "";
  std::string_view rest = utf8;
  while (left > width - 1) left -= take_character(rest).columns;
  // What combined with the last character dropped is dropped with it.
  for (std::string_view next = rest; !next.empty() && take_character(next).columns == 0;) {
    rest = next;
  }
  return kEllipsis + std::string(rest);
}

}  // namespace mla
