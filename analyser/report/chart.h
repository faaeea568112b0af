// A curve in a few lines of text.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace mla {

struct ChartStyle {
  size_t width = 60;    // columns, at least 1
  size_t height = 6;    // lines, at least 1
  bool braille = true;  // else ASCII
};

// Values over time as dots, from the lowest to the highest value: with Braille patterns 2 x 4 dots
// a character, else one `*`. Each column of dots spans its smallest and largest value. `t`
// increases; as many values. One string a line, of style.width columns; none for no values.
std::vector<std::string> chart(std::span<const double> t, std::span<const double> values,
                               const ChartStyle& style);

}  // namespace mla
