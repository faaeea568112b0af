#include "words.h"

#include <vector>

#include "report/names_short.h"
#include "report/utf8.h"

namespace mla {
namespace {

constexpr size_t kFunctionWidth = 60;

std::string base_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

}  // namespace

std::string command_of(const ProcessInfo& process) {
  std::string command;
  for (const std::string& word : process.argv) command += (command.empty() ? "" : " ") + word;
  return printable(command.empty() ? process.exe : command);
}

std::string one_line_stack(Symbolizer& symbolizer, uint32_t leaf, size_t frames) {
  const std::vector<const Frame*> stack = symbolizer.stack_of(leaf);
  size_t first = 0;
  while (first < stack.size() &&
         (is_own_frame(*stack[first]) || is_allocation_plumbing(*stack[first]))) {
    ++first;
  }
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
