#include "symbols/site_stack.h"

#include <algorithm>

#include "format/records.h"
#include "symbols/symbolizer.h"

namespace mla {

namespace {

constexpr uint64_t kFirstAddress = 0x1000;  // below it: marks, see format::PcMark

// The function may be in parts: "_PyEval_EvalFrameDefault.cold".
bool is_evaluation_loop(const std::string& function, const std::string& version) {
  const std::string name =
      version.starts_with("2.") ? "PyEval_EvalFrameEx" : "_PyEval_EvalFrameDefault";
  return function.starts_with(name) &&
         (function.size() == name.size() || function[name.size()] == '.');
}

// Nodes of Python, leaf first, cut into groups. Empty groups are groups of no node.
std::vector<std::vector<uint32_t>> python_groups(const Snapshot& snapshot, uint32_t leaf) {
  std::vector<std::vector<uint32_t>> groups;
  bool open = false;
  for (uint32_t node = leaf; node != 0; node = snapshot.nodes[node].parent) {
    const StackNode& at = snapshot.nodes[node];
    if (!open) groups.emplace_back();
    if (at.kind != NodeKind::kEmptyGroup) groups.back().push_back(node);
    open = !at.entry;
  }
  return groups;
}

}  // namespace

std::string python_part_name(PythonPart part) {
  switch (part) {
    case PythonPart::kMerged:
      return "merged";
    case PythonPart::kIncomplete:
      return "incomplete";
    case PythonPart::kObject:
      return "object";
    case PythonPart::kSeparate:
      return "separate";
    case PythonPart::kNone:
      break;
  }
  return "";
}

SiteStack Symbolizer::stack_of(const Site& site) {
  SiteStack stack;
  const auto add = [&](uint32_t node) {
    for (const Frame& frame : frames_of(node)) stack.frames.push_back(&frame);
  };
  if (site.python == 0) {
    stack.frames = stack_of(site.native);
    return stack;
  }
  std::vector<uint32_t> native;
  std::vector<bool> is_loop;
  for (uint32_t node = site.native; node != 0; node = snapshot_.nodes[node].parent) {
    const Frame& function = frames_of(node).back();
    native.push_back(node);
    is_loop.push_back(is_evaluation_loop(function.function, snapshot_.process.python_version));
    if (is_loop.back()) stack.interpreter = function.module;
  }
  const auto calls = static_cast<size_t>(std::count(is_loop.begin(), is_loop.end(), true));
  const std::vector<std::vector<uint32_t>> groups = python_groups(snapshot_, site.python);
  const uint64_t outermost = native.empty() ? 0 : snapshot_.nodes[native.back()].pc;
  const bool cut = outermost < kFirstAddress;
  const bool object = outermost == static_cast<uint64_t>(format::PcMark::kInnermost);
  if (object) native.pop_back();
  const bool separate = groups.size() > calls && !cut;
  stack.python = object                   ? PythonPart::kObject
                 : separate               ? PythonPart::kSeparate
                 : groups.size() == calls ? PythonPart::kMerged
                                          : PythonPart::kIncomplete;
  size_t group = 0;
  for (size_t i = 0; i < native.size(); ++i) {
    const bool replaced = is_loop[i] && !separate && group < groups.size();
    if (!replaced || groups[group].empty()) add(native[i]);
    if (!replaced) continue;
    for (const uint32_t node : groups[group]) add(node);
    ++group;
  }
  for (; group < groups.size(); ++group) {
    for (const uint32_t node : groups[group]) add(node);
  }
  return stack;
}

std::vector<const Frame*> without_interpreter(const SiteStack& stack) {
  const auto is_python = [](const Frame* frame) { return frame->kind == FrameKind::kPython; };
  const auto last = std::find_if(stack.frames.rbegin(), stack.frames.rend(), is_python);
  std::vector<const Frame*> result;
  for (auto frame = stack.frames.begin(); frame != last.base(); ++frame) {
    if (is_python(*frame) || stack.interpreter.empty() || (*frame)->module != stack.interpreter) {
      result.push_back(*frame);
    }
  }
  return result.empty() ? stack.frames : result;
}

}  // namespace mla
