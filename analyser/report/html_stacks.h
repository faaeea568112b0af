// The tables of strings, frames and stacks of an HTML report.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "report/stack_tree.h"
#include "symbols/frame.h"

namespace mla {

class HtmlStacks {
 public:
  HtmlStacks(const Snapshot& snapshot, Symbolizer& symbolizer);

  // Index of the node of the innermost frame, of the whole stack and of the one
  // without_interpreter(); 0: none.
  uint32_t whole(const Site& site) { return tree_.whole(site); }
  uint32_t brief(const Site& site) { return tree_.brief(site); }

  // Of a stack of this or another symbolizer, leaf first.
  uint32_t stack(const std::vector<const Frame*>& frames) { return tree_.of_frames(frames); }

  // The members `strings`, `frames` and `stacks`.
  void write(nlohmann::ordered_json& document) const;

 private:
  uint32_t string(const std::string& text);
  uint32_t frame(const Frame& frame);

  using FrameKey = std::tuple<uint32_t, uint32_t, uint32_t, uint32_t, FrameKind, bool>;

  std::vector<std::string> strings_;
  std::unordered_map<std::string, uint32_t> string_ids_;
  std::vector<FrameKey> frames_;  // see html_model.h
  std::map<FrameKey, uint32_t> frame_ids_;
  StackTree tree_;
};

}  // namespace mla
