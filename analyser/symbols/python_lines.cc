#include "symbols/python_lines.h"

#include <limits>
#include <string_view>

namespace mla {

namespace {

uint8_t byte_at(std::string_view table, size_t i) { return static_cast<uint8_t>(table[i]); }

uint32_t valid_line(int64_t line) {
  return line > 0 && line <= std::numeric_limits<int32_t>::max() ? static_cast<uint32_t>(line) : 0;
}

// Pairs of (bytes, lines) to add up; each says where the next line begins.
uint32_t line_of_lnotab(const PythonCode& code, uint64_t offset, bool is_signed) {
  const std::string_view table = code.lines;
  int64_t line = code.first_line;
  uint64_t at = 0;
  for (size_t i = 0; i + 1 < table.size(); i += 2) {
    at += byte_at(table, i);
    if (at > offset) break;
    line += is_signed ? static_cast<int8_t>(table[i + 1]) : byte_at(table, i + 1);
  }
  return valid_line(line);
}

// Pairs of (bytes, lines) of which each is a range, its line first added; -128: it has no line.
uint32_t line_of_linetable(const PythonCode& code, uint64_t offset) {
  const std::string_view table = code.lines;
  int64_t line = code.first_line;
  uint64_t end = 0;
  for (size_t i = 0; i + 1 < table.size(); i += 2) {
    const auto lines = static_cast<int8_t>(table[i + 1]);
    const bool has_line = lines != -128;
    if (has_line) line += lines;
    end += byte_at(table, i);
    if (offset < end) return has_line ? valid_line(line) : 0;
  }
  return 0;
}

// 6 bits a byte, lowest first; bit 6: another one follows. CPython writes 32 bits at most; sums of
// as many of these as a table can hold do not overflow.
uint64_t read_varint(std::string_view table, size_t& i) {
  constexpr unsigned kMostBits = 36;
  uint64_t value = 0;
  for (unsigned shift = 0; i < table.size() && shift < kMostBits; shift += 6) {
    const uint8_t byte = byte_at(table, i++);
    value |= uint64_t{byte & 0x3fU} << shift;
    if ((byte & 0x40) == 0) break;
  }
  return value;
}

int64_t read_signed_varint(std::string_view table, size_t& i) {
  const uint64_t value = read_varint(table, i);
  const auto half = static_cast<int64_t>(value >> 1);
  return (value & 1) != 0 ? -half : half;
}

// Entries that begin with 1:1 | kind:4 | units - 1:3; further bytes of an entry have no high bit.
uint32_t line_of_locations(const PythonCode& code, uint64_t offset) {
  enum Kind : uint8_t { kOneLine0 = 10, kOneLine2 = 12, kNoColumns = 13, kLong = 14, kNone = 15 };
  constexpr uint64_t kUnitBytes = 2;
  const std::string_view table = code.lines;
  int64_t line = code.first_line;
  uint64_t end = 0;
  for (size_t i = 0; i < table.size();) {
    const uint8_t first = byte_at(table, i++);
    const uint8_t kind = first >> 3 & 15;
    end += ((first & 7U) + 1) * kUnitBytes;
    if (kind == kNoColumns || kind == kLong) {
      line += read_signed_varint(table, i);
    } else if (kind >= kOneLine0 && kind <= kOneLine2) {
      line += kind - kOneLine0;
    }
    if (offset < end) return kind == kNone ? 0 : valid_line(line);
    while (i < table.size() && (byte_at(table, i) & 0x80) == 0) ++i;
  }
  return 0;
}

}  // namespace

uint32_t python_line(const PythonCode& code, uint64_t offset) {
  switch (code.lines_format) {
    case format::PythonLines::kLnotab:
      return line_of_lnotab(code, offset, true);
    case format::PythonLines::kUnsignedLnotab:
      return line_of_lnotab(code, offset, false);
    case format::PythonLines::kLinetable:
      return line_of_linetable(code, offset);
    case format::PythonLines::kLocations:
      return line_of_locations(code, offset);
    case format::PythonLines::kUnpublished:
    case format::PythonLines::kNone:
    case format::PythonLines::kCount:
      break;
  }
  return valid_line(code.first_line);
}

}  // namespace mla
