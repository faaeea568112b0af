// The tables of strings, frames and stacks of an HTML report.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "symbols/frame.h"

namespace mla {

class HtmlStacks {
 public:
  HtmlStacks();

  // Index of a text in the table; the same one for the same text.
  uint32_t string(const std::string& text);
  // Index of the node of the innermost frame. `stack` is leaf first; 0 for an empty one.
  uint32_t stack(const std::vector<const Frame*>& stack);

  // The members `strings`, `frames` and `stacks`.
  void write(nlohmann::ordered_json& document) const;

 private:
  uint32_t frame(const Frame& frame);

  using FrameKey = std::tuple<uint32_t, uint32_t, uint32_t, uint32_t, FrameKind, bool>;

  std::vector<std::string> strings_;
  std::unordered_map<std::string, uint32_t> string_ids_;
  std::vector<FrameKey> frames_;  // see html_model.h
  std::map<FrameKey, uint32_t> frame_ids_;
  std::unordered_map<const Frame*, uint32_t> known_frames_;
  std::vector<uint32_t> parents_;
  std::vector<uint32_t> node_frames_;
  std::unordered_map<uint64_t, uint32_t> node_ids_;  // of parent and frame
};

}  // namespace mla
