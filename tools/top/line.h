// A line of a screen: text with the styles it is shown in, before any terminal is known.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "report/utf8.h"

namespace mla {

enum class TextStyle { kPlain, kBold, kDim, kGood, kWarn, kBad, kSelected, kHeading };

struct Span {
  std::string text;  // printable UTF-8
  TextStyle style = TextStyle::kPlain;
};

class Line {
 public:
  Line() = default;
  explicit Line(std::string text, TextStyle style = TextStyle::kPlain) {
    add(std::move(text), style);
  }
  Line& add(std::string text, TextStyle style = TextStyle::kPlain) {
    if (!text.empty()) spans_.push_back({std::move(text), style});
    return *this;
  }
  Line& add(const Line& other) {
    for (const Span& span : other.spans_) add(span.text, span.style);
    return *this;
  }
  // Spaces up to a column; nothing where the line is as long already.
  Line& pad_to(size_t column) {
    const size_t now = width();
    return now < column ? add(std::string(column - now, ' ')) : *this;
  }
  const std::vector<Span>& spans() const { return spans_; }
  size_t width() const {
    size_t sum = 0;
    for (const Span& span : spans_) sum += columns(span.text);
    return sum;
  }
  std::string text() const {
    std::string all;
    for (const Span& span : spans_) all += span.text;
    return all;
  }
  // No wider than so many columns; what is cut off ends in an ellipsis.
  Line cut(size_t width) const {
    Line result;
    size_t left = width;
    for (const Span& span : spans_) {
      const size_t wide = columns(span.text);
      const bool last = &span == &spans_.back();
      if (wide < left || (wide == left && last)) {
        result.add(span.text, span.style);
        left -= wide;
        continue;
      }
      std::string part = span.text;
      part += " ";  // so that an exact fit which is not the last is cut, too
      result.add(cut_right(last ? span.text : part, left), span.style);
      break;
    }
    return result;
  }
  // The whole line in one style, filled up to a width: the cursor's.
  Line in_style(TextStyle style, size_t width) const {
    std::string all = text();
    const size_t now = columns(all);
    if (now < width) all.append(width - now, ' ');
    return Line(std::move(all), style);
  }

 private:
  std::vector<Span> spans_;
};

struct ScreenSize {
  size_t width = 80;
  size_t height = 24;
};

// Smaller ones show one line that says so.
inline constexpr ScreenSize kLeastScreen{60, 10};

}  // namespace mla
