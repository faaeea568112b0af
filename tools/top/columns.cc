#include "top/columns.h"

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

std::string signed_bytes(double bytes) {
  const std::string size = human_bytes(static_cast<uint64_t>(std::llround(std::abs(bytes))));
  if (bytes == 0) return size;
  std::string text = bytes < 0 ? "-" : "+";
  text += size;
  return text;
}

}  // namespace mla
