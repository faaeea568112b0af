#include "report/stack_tree.h"

#include <utility>

namespace mla {

namespace {

constexpr uint32_t kUnknown = UINT32_MAX;

}  // namespace

StackTree::StackTree(const Snapshot& snapshot, Symbolizer& symbolizer, Label label)
    : snapshot_(snapshot),
      symbolizer_(symbolizer),
      label_(std::move(label)),
      known_nodes_(snapshot.nodes.size(), kUnknown),
      nodes_(snapshot.nodes.size()) {
  nodes_.number_of({kUnknown, 0});
  if (!known_nodes_.empty()) known_nodes_[0] = 0;
}

uint32_t StackTree::whole(const Site& site) {
  return site.python == 0 ? of_native(site.native) : of_frames(symbolizer_.stack_of(site).frames);
}

uint32_t StackTree::brief(const Site& site) {
  return site.python == 0 ? of_native(site.native)
                          : of_frames(without_interpreter(symbolizer_.stack_of(site)));
}

uint32_t StackTree::of_native(uint32_t node) {
  if (node == 0) return 0;
  std::vector<uint32_t> inner;  // of which the nodes are not known yet, innermost first
  for (; known_nodes_[node] == kUnknown; node = snapshot_.nodes[node].parent) {
    inner.push_back(node);
  }
  uint32_t at = known_nodes_[node];
  for (auto next = inner.rbegin(); next != inner.rend(); ++next) {
    const std::vector<Frame>& frames = symbolizer_.frames_of(*next);
    for (auto frame = frames.rbegin(); frame != frames.rend(); ++frame) {
      at = add(at, label_of(*frame));
    }
    known_nodes_[*next] = at;
  }
  return at;
}

uint32_t StackTree::of_frames(const std::vector<const Frame*>& stack) {
  uint32_t at = 0;
  for (auto frame = stack.rbegin(); frame != stack.rend(); ++frame) {
    at = add(at, label_of(**frame));
  }
  return at;
}

uint32_t StackTree::label_of(const Frame& frame) {
  const uint32_t number = frames_.number_of({&frame});
  if (number == frame_labels_.size()) frame_labels_.push_back(label_(frame));
  return frame_labels_[number];
}

uint32_t StackTree::add(uint32_t parent, uint32_t label) {
  return nodes_.number_of({parent, label});
}

}  // namespace mla
