#include "report/html_stacks.h"

#include <nlohmann/json.hpp>

#include "report/names_short.h"
#include "report/utf8.h"

namespace mla {

HtmlStacks::HtmlStacks(const Snapshot& snapshot, Symbolizer& symbolizer)
    : tree_(snapshot, symbolizer, [this](const Frame& one) { return frame(one); }) {
  string("");
  frames_.emplace_back();
}

uint32_t HtmlStacks::string(const std::string& text) {
  const auto [at, is_new] = string_ids_.emplace(text, static_cast<uint32_t>(strings_.size()));
  if (is_new) strings_.push_back(text);
  return at->second;
}

uint32_t HtmlStacks::frame(const Frame& frame) {
  const FrameKey key(string(printable(frame_label(frame))), string(printable(frame.file)),
                     frame.line, string(printable(frame.module)), frame.kind,
                     is_own_frame(frame) || is_allocation_plumbing(frame));
  const auto [at, is_new] = frame_ids_.emplace(key, static_cast<uint32_t>(frames_.size()));
  if (is_new) frames_.push_back(key);
  return at->second;
}

void HtmlStacks::write(nlohmann::ordered_json& document) const {
  document["strings"] = strings_;
  nlohmann::ordered_json& frames = document["frames"];
  for (const char* column : {"function", "file", "line", "module", "kind", "plumbing"}) {
    frames[column] = nlohmann::ordered_json::array();
  }
  for (const auto& [function, file, line, module, kind, plumbing] : frames_) {
    frames["function"].push_back(function);
    frames["file"].push_back(file);
    frames["line"].push_back(line);
    frames["module"].push_back(module);
    frames["kind"].push_back(static_cast<int>(kind));
    frames["plumbing"].push_back(plumbing ? 1 : 0);
  }
  std::vector<uint32_t> parents{0};  // of the root, too
  std::vector<uint32_t> labels{0};
  for (size_t node = 1; node < tree_.nodes().size(); ++node) {
    parents.push_back(tree_.nodes()[node].parent);
    labels.push_back(tree_.nodes()[node].label);
  }
  document["stacks"] = {{"parent", parents}, {"frame", labels}};
}

}  // namespace mla
