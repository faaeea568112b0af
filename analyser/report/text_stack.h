// A stack in the text report: leaf first, one frame a line, source at the right.
#pragma once

#include <ostream>
#include <vector>

#include "report/text.h"

namespace mla {

class Style {
 public:
  explicit Style(bool colour) : colour_(colour) {}
  const char* bold() const { return colour_ ? "\033[1m" : ""; }
  const char* dim() const { return colour_ ? "\033[2m" : ""; }
  const char* warn() const { return colour_ ? "\033[33m" : ""; }
  const char* good() const { return colour_ ? "\033[32m" : ""; }
  const char* bad() const { return colour_ ? "\033[1;31m" : ""; }
  const char* off() const { return colour_ ? "\033[0m" : ""; }

 private:
  bool colour_;
};

void write_stack(std::ostream& out, const std::vector<const Frame*>& stack,
                 const TextOptions& options);

}  // namespace mla
