// The stacks of call sites as text. Names are looked up when they are asked for, once.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "symbols/symbolizer.h"

namespace mla {

enum class StackPart { kMerged, kNative, kPython };
const char* stack_part_name(StackPart part);  // "merged", "native", "Python"

struct FrameText {
  std::string function;
  std::string source;  // "file:12", or the ELF file; may be empty
  bool python = false;
};

class SiteNames {
 public:
  // A later reading of the same recording; must outlive this, or until the next call.
  void follow(const Snapshot& snapshot);

  // One line, the innermost frames that count first; the reference holds until the next follow().
  const std::string& line(const Site& site, StackPart part);
  // The whole stack, leaf first.
  std::vector<FrameText> stack(const Site& site, StackPart part);
  // Any frame's function or file has these characters, of ASCII in whichever case.
  bool matches(const Site& site, const std::string& lower_case);

  // The line is known, and costs nothing.
  bool has_line(const Site& site, StackPart part) const { return lines_.contains({site.id, part}); }

 private:
  std::vector<const Frame*> frames_of(const Site& site, StackPart part);

  std::unique_ptr<Symbolizer> symbolizer_;
  // By site id: a site keeps its stack.
  std::map<std::pair<uint32_t, StackPart>, std::string> lines_;
};

}  // namespace mla
