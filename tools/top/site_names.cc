#include "top/site_names.h"

#include <algorithm>
#include <cctype>

#include "report/utf8.h"
#include "words.h"

namespace mla {
namespace {

constexpr size_t kMostLines = 20'000;
constexpr size_t kFramesOfLine = 8;

bool contains(const std::string& text, const std::string& lower_case) {
  return std::search(text.begin(), text.end(), lower_case.begin(), lower_case.end(),
                     [](unsigned char a, unsigned char b) { return std::tolower(a) == b; }) !=
         text.end();
}

}  // namespace

const char* stack_part_name(StackPart part) {
  static constexpr const char* kNames[] = {"merged", "native", "Python"};
  return kNames[static_cast<size_t>(part)];
}

void SiteNames::follow(const Snapshot& snapshot) {
  auto symbolizer = std::make_unique<Symbolizer>(snapshot);
  if (symbolizer_) symbolizer->take_files_of(*symbolizer_);
  symbolizer_ = std::move(symbolizer);
  if (lines_.size() > kMostLines) lines_.clear();
}

std::vector<const Frame*> SiteNames::frames_of(const Site& site, StackPart part) {
  if (part == StackPart::kNative) return symbolizer_->stack_of(site.native);
  if (part == StackPart::kMerged) return without_interpreter(symbolizer_->stack_of(site));
  std::vector<const Frame*> frames = symbolizer_->stack_of(site).frames;
  std::erase_if(frames, [](const Frame* frame) { return frame->kind != FrameKind::kPython; });
  return frames;
}

const std::string& SiteNames::line(const Site& site, StackPart part) {
  const auto [entry, added] = lines_.try_emplace({site.id, part});
  if (added) {
    const std::vector<const Frame*> frames = frames_of(site, part);
    entry->second = part == StackPart::kPython && frames.empty()
                        ? "[no Python]"
                        : one_line_stack(frames, kFramesOfLine);
  }
  return entry->second;
}

std::vector<FrameText> SiteNames::stack(const Site& site, StackPart part) {
  std::vector<FrameText> result;
  for (const Frame* frame : frames_of(site, part)) {
    FrameText text;
    text.function = printable(frame_label(*frame));
    text.python = frame->kind == FrameKind::kPython;
    if (!frame->file.empty()) {
      text.source = printable(frame->file);
      if (frame->line != 0) text.source.append(":").append(std::to_string(frame->line));
    } else if (!frame->function.empty()) {
      text.source = printable(frame->module);
    }
    result.push_back(std::move(text));
  }
  return result;
}

bool SiteNames::matches(const Site& site, const std::string& lower_case) {
  const SiteStack stack = symbolizer_->stack_of(site);
  return std::any_of(stack.frames.begin(), stack.frames.end(), [&](const Frame* frame) {
    return contains(frame_label(*frame), lower_case) || contains(frame->file, lower_case);
  });
}

}  // namespace mla
