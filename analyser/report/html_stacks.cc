#include "report/html_stacks.h"

#include <nlohmann/json.hpp>

#include "report/names_short.h"
#include "report/utf8.h"

namespace mla {

HtmlStacks::HtmlStacks() : parents_{0}, node_frames_{0} {
  string("");
  frames_.emplace_back();
}

uint32_t HtmlStacks::string(const std::string& text) {
  const auto [at, is_new] = string_ids_.emplace(text, static_cast<uint32_t>(strings_.size()));
  if (is_new) strings_.push_back(text);
  return at->second;
}

uint32_t HtmlStacks::frame(const Frame& frame) {
  const auto known = known_frames_.find(&frame);
  if (known != known_frames_.end()) return known->second;
  const FrameKey key(string(printable(frame_label(frame))), string(printable(frame.file)),
                     frame.line, string(printable(frame.module)), frame.kind,
                     is_own_frame(frame) || is_allocation_plumbing(frame));
  const auto [at, is_new] = frame_ids_.emplace(key, static_cast<uint32_t>(frames_.size()));
  if (is_new) frames_.push_back(key);
  known_frames_.emplace(&frame, at->second);
  return at->second;
}

uint32_t HtmlStacks::stack(const std::vector<const Frame*>& stack) {
  uint32_t node = 0;
  for (auto one = stack.rbegin(); one != stack.rend(); ++one) {
    const uint32_t id = frame(**one);
    const uint64_t key = static_cast<uint64_t>(node) << 32U | id;
    const auto [at, is_new] = node_ids_.emplace(key, static_cast<uint32_t>(parents_.size()));
    if (is_new) {
      parents_.push_back(node);
      node_frames_.push_back(id);
    }
    node = at->second;
  }
  return node;
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
  document["stacks"] = {{"parent", parents_}, {"frame", node_frames_}};
}

}  // namespace mla
