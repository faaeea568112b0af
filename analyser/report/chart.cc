#include "report/chart.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace mla {
namespace {

// U+2800 and eight bits, one a dot: Unicode, "Braille Patterns".
std::string braille(uint8_t dots) {
  return {'\xE2', static_cast<char>(0xA0 | (dots >> 6)), static_cast<char>(0x80 | (dots & 0x3F))};
}

// The bit of the dot in column x (0, 1) and row y (0 to 3, from the top).
uint8_t dot(size_t x, size_t y) {
  static constexpr std::array<std::array<uint8_t, 4>, 2> kBits{
      {{0x01, 0x02, 0x04, 0x40}, {0x08, 0x10, 0x20, 0x80}}};
  return kBits[x][y];
}

struct Dots {
  size_t width;
  size_t height;
  std::vector<char> set;  // by rows, from the top
};

Dots draw(std::span<const double> t, std::span<const double> values, size_t width, size_t height) {
  Dots dots{width, height, std::vector<char>(width * height)};
  const double low = *std::min_element(values.begin(), values.end());
  const double range = *std::max_element(values.begin(), values.end()) - low;
  const double span = t.back() - t.front();
  const auto row = [&](double value) {
    const double share = range > 0 ? (value - low) / range : 0;
    return height - 1 - std::min(static_cast<size_t>(share * height), height - 1);
  };
  for (size_t i = 0; i < values.size();) {
    const auto column = [&](size_t at) {
      const double share = span > 0 ? (t[at] - t.front()) / span : 0;
      return std::min(static_cast<size_t>(share * width), width - 1);
    };
    const size_t x = column(i);
    double least = values[i];
    double most = values[i];
    for (; i < values.size() && column(i) == x; ++i) {
      least = std::min(least, values[i]);
      most = std::max(most, values[i]);
    }
    for (size_t y = row(most); y <= row(least); ++y) dots.set[y * width + x] = 1;
  }
  return dots;
}

}  // namespace

std::vector<std::string> chart(std::span<const double> t, std::span<const double> values,
                               const ChartStyle& style) {
  if (values.empty()) return {};
  const size_t across = style.braille ? 2 : 1;
  const size_t down = style.braille ? 4 : 1;
  const Dots dots = draw(t, values, style.width * across, style.height * down);
  std::vector<std::string> lines;
  for (size_t line = 0; line < style.height; ++line) {
    std::string text;
    for (size_t cell = 0; cell < style.width; ++cell) {
      uint8_t bits = 0;
      for (size_t x = 0; x < across; ++x) {
        for (size_t y = 0; y < down; ++y) {
          const size_t at = (line * down + y) * dots.width + cell * across + x;
          if (dots.set[at] != 0) bits |= dot(x, y);
        }
      }
      text += style.braille ? braille(bits) : std::string(1, bits != 0 ? '*' : ' ');
    }
    lines.push_back(std::move(text));
  }
  return lines;
}

}  // namespace mla
