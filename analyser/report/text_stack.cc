#include "report/text_stack.h"

#include <algorithm>
#include <string>

#include "report/names_short.h"
#include "report/units.h"
#include "report/utf8.h"

namespace mla {

namespace {

constexpr size_t kIndent = 6;

struct Line {
  std::string function;
  std::string source;  // file:line, or the module
  bool plumbing = false;
  size_t repeats = 1;  // direct recursion
};

std::string source_of(const Frame& frame) {
  std::string text;
  if (!frame.file.empty()) {
    text = frame.file;
    if (frame.line != 0) text += ":" + std::to_string(frame.line);
  } else if (!frame.function.empty()) {
    text = frame.module.substr(frame.module.rfind('/') + 1);
  }
  if (frame.kind == FrameKind::kInlined) text += " (inlined)";
  return printable(text);
}

bool is_python(const Frame* frame) { return frame->kind == FrameKind::kPython; }

std::vector<Line> lines_of(const std::vector<const Frame*>& stack) {
  std::vector<Line> lines;
  const bool python = std::any_of(stack.begin(), stack.end(), is_python);
  bool at_leaf = true;
  for (const Frame* frame : stack) {
    if (is_own_frame(*frame)) continue;
    // Below the line of Python that allocates, everything is how Python does it.
    at_leaf = at_leaf && (python ? !is_python(frame) : is_allocation_plumbing(*frame));
    Line line{printable(frame_label(*frame)), source_of(*frame), at_leaf};
    if (!lines.empty() && lines.back().function == line.function &&
        lines.back().source == line.source) {
      ++lines.back().repeats;
    } else {
      lines.push_back(std::move(line));
    }
  }
  return lines;
}

}  // namespace

void write_stack(std::ostream& out, const std::vector<const Frame*>& stack,
                 const TextOptions& options) {
  const Style style(options.colour);
  const std::vector<Line> lines = lines_of(stack);
  const size_t plumbing = static_cast<size_t>(
      std::count_if(lines.begin(), lines.end(), [](const Line& line) { return line.plumbing; }));
  size_t shown = lines.size();
  // "1 more frame" would take the line the frame itself takes.
  if (!options.full_stacks && lines.size() > plumbing + options.frames + 1) {
    shown = plumbing + options.frames;
  }
  const size_t space = std::max<size_t>(options.width, 40) - kIndent - 2;
  size_t widest_source = 0;
  size_t widest_function = 0;
  for (size_t i = 0; i < shown; ++i) {
    widest_source = std::max(widest_source, columns(lines[i].source));
    widest_function = std::max(widest_function, columns(short_function(lines[i].function, space)));
  }
  // The function gets what it needs, up to what the source leaves; the source at least 2 fifths.
  const size_t source_width = std::min(widest_source, space * 2 / 5);
  const size_t function_width = std::min(widest_function, space - source_width);
  for (size_t i = 0; i < shown; ++i) {
    const Line& line = lines[i];
    const bool callers_own = i == plumbing;
    std::string function = line.function;
    std::string source = line.source;
    if (!options.full_stacks) {
      function = short_function(function, function_width);
      source = cut_left(source, space - function_width);
    }
    out << (callers_own ? "    ▸ " : "      ") << (callers_own ? style.bold() : "")
        << (line.plumbing ? style.dim() : "") << function << style.off();
    if (!source.empty()) {
      const size_t used = columns(function);
      out << std::string(used < function_width ? function_width - used : 0, ' ') << "  "
          << style.dim() << source << style.off();
    }
    if (line.repeats > 1) out << "  x " << line.repeats;
    out << '\n';
  }
  if (shown < lines.size()) {
    out << style.dim() << "      ... " << counted(lines.size() - shown, "more frame") << style.off()
        << '\n';
  }
}

}  // namespace mla
