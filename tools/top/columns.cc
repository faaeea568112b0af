#include "top/columns.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "report/units.h"
#include "report/utf8.h"

namespace mla {

std::string to_left(const std::string& text, size_t width) {
  std::string cell = cut_right(text, width);
  cell.append(width - columns(cell), ' ');
  return cell;
}

std::string to_right(const std::string& text, size_t width) {
  const std::string cut = cut_right(text, width);
  std::string cell(width - columns(cut), ' ');
  cell += cut;
  return cell;
}

std::string without_directories(const std::string& command) {
  std::string result;
  for (size_t begin = 0; begin < command.size();) {
    const size_t end = std::min(command.find(' ', begin), command.size());
    const std::string word = command.substr(begin, end - begin);
    const size_t slash = word.rfind('/');
    const bool path = word.starts_with('/') && slash + 1 < word.size();
    result += path ? word.substr(slash + 1) : word;
    if (end < command.size()) result += ' ';
    begin = end + 1;
  }
  return result;
}

std::string signed_bytes(double bytes) {
  std::string text = human_bytes(static_cast<uint64_t>(std::llround(std::abs(bytes))));
  if (bytes != 0) text.insert(text.begin(), bytes < 0 ? '-' : '+');
  return text;
}

}  // namespace mla
