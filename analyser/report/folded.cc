#include "report/folded.h"

#include <algorithm>
#include <map>
#include <string>

#include "report/utf8.h"

namespace mla {

namespace {

std::string folded_stack(const CountedStack& stack) {
  if (stack.frames.empty()) return stack.instead;
  std::string line;
  for (auto frame = stack.frames.rbegin(); frame != stack.frames.rend(); ++frame) {
    std::string name = printable(frame_label_with_line(**frame));
    std::replace(name.begin(), name.end(), ';', ':');  // it separates frames
    if (!line.empty()) line += ';';
    line += name;
  }
  return line;
}

}  // namespace

void write_folded(std::ostream& out, const Snapshot& snapshot, Symbolizer& symbolizer,
                  StackValue value, bool native) {
  std::map<std::string, uint64_t> lines;
  for (const CountedStack& stack : counted_stacks(snapshot, symbolizer, native)) {
    const uint64_t bytes = stack.counts.bytes(value);
    if (bytes != 0) lines[folded_stack(stack)] += bytes;
  }
  for (const auto& [stack, bytes] : lines) out << stack << ' ' << bytes << '\n';
}

}  // namespace mla
