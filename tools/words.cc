#include "words.h"

#include <algorithm>
#include <iterator>
#include <vector>

#include "report/names_short.h"
#include "report/utf8.h"

namespace mla {
namespace {

constexpr size_t kFunctionWidth = 60;

std::string base_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

}  // namespace

std::string csv_cell(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

std::string command_of(const ProcessInfo& process) {
  std::string command;
  for (const std::string& word : process.argv) command += (command.empty() ? "" : " ") + word;
  return printable(command.empty() ? process.exe : command);
}

std::string one_line_stack(Symbolizer& symbolizer, const Site& site, size_t frames) {
  return one_line_stack(without_interpreter(symbolizer.stack_of(site)), frames);
}

std::string one_line_stack(const std::vector<const Frame*>& whole, size_t frames) {
  // What wraps Python's allocators is mla's own, in the midst of the program's frames.
  std::vector<const Frame*> stack;
  std::copy_if(whole.begin(), whole.end(), std::back_inserter(stack),
               [](const Frame* frame) { return !is_own_frame(*frame); });
  size_t first = 0;
  const bool python = std::any_of(stack.begin(), stack.end(), [](const Frame* frame) {
    return frame->kind == FrameKind::kPython;
  });
  const auto is_passed = [python](const Frame& frame) {
    return python ? frame.kind != FrameKind::kPython : is_allocation_plumbing(frame);
  };
  while (first < stack.size() && is_passed(*stack[first])) ++first;
  if (first == stack.size()) first = 0;
  std::string line;
  for (size_t i = first; i < stack.size() && i < first + frames; ++i) {
    line += (line.empty() ? "" : " < ") + short_function(frame_label(*stack[i]), kFunctionWidth);
    if (!stack[i]->file.empty()) {
      line += " (" + base_name(stack[i]->file) + ":" + std::to_string(stack[i]->line) + ")";
    }
  }
  return line.empty() ? "[no stack]" : printable(line);
}

}  // namespace mla
