#include "report/folded.h"

#include <algorithm>
#include <map>
#include <string>

#include "report/utf8.h"

namespace mla {

namespace {

uint64_t value_of(const Site& site, FoldedValue value) {
  switch (value) {
    case FoldedValue::kAllocated:
      return site.alloc_bytes;
    case FoldedValue::kPeak:
      return site.peak_bytes;
    case FoldedValue::kLive:
      break;
  }
  return site.live_bytes;
}

std::string folded_stack(const Site& site, Symbolizer& symbolizer, bool native) {
  const SiteStack whole = symbolizer.stack_of(site);
  const std::vector<const Frame*> stack = native ? whole.frames : without_interpreter(whole);
  if (stack.empty()) return site.overflow ? "[call sites without a record]" : "[no stack]";
  std::string line;
  for (auto frame = stack.rbegin(); frame != stack.rend(); ++frame) {
    std::string name = printable(frame_label_with_line(**frame));
    std::replace(name.begin(), name.end(), ';', ':');  // it separates frames
    if (!line.empty()) line += ';';
    line += name;
  }
  return line;
}

}  // namespace

void write_folded(std::ostream& out, const Snapshot& snapshot, Symbolizer& symbolizer,
                  FoldedValue value, bool native) {
  std::map<std::string, uint64_t> lines;
  for (const Site& site : snapshot.sites) {
    const uint64_t bytes = value_of(site, value);
    if (!site.mapping && bytes != 0) lines[folded_stack(site, symbolizer, native)] += bytes;
  }
  for (const auto& [stack, bytes] : lines) out << stack << ' ' << bytes << '\n';
}

}  // namespace mla
