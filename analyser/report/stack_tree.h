// The stacks of many call sites as one tree, outermost frame first.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "reader/distinct.h"
#include "reader/snapshot.h"
#include "symbols/symbolizer.h"

namespace mla {

// What most reports need of a stack is done once for each frame and each node of the recording's
// own tree, not once for each frame of each call site: there are a hundred times as many.
class StackTree {
 public:
  // The number of what a report says of a frame. Asked once for each distinct frame; frames of
  // the same number under the same caller are one node.
  using Label = std::function<uint32_t(const Frame&)>;

  // Keeps references, which must outlive it.
  StackTree(const Snapshot& snapshot, Symbolizer& symbolizer, Label label);

  // The node of the innermost frame of a call site; 0: it has no stack.
  uint32_t whole(const Site& site);
  // The same without_interpreter().
  uint32_t brief(const Site& site);

  // The node of the innermost frame of a stack, leaf first; also of another symbolizer's frames,
  // which must outlive the tree.
  uint32_t of_frames(const std::vector<const Frame*>& stack);

  // The node of a label under a caller.
  uint32_t add(uint32_t parent, uint32_t label);

  struct Node {
    uint32_t parent;  // the caller, of a smaller index
    uint32_t label;
    uint64_t hash() const { return hash_of(parent, label); }
    bool operator==(const Node&) const = default;
  };
  // The first is the root, no frame.
  const std::vector<Node>& nodes() const { return nodes_.keys(); }

 private:
  uint32_t of_native(uint32_t node);
  uint32_t label_of(const Frame& frame);

  const Snapshot& snapshot_;
  Symbolizer& symbolizer_;
  Label label_;
  struct FrameKey {
    const Frame* frame;
    uint64_t hash() const { return hash_of(reinterpret_cast<uintptr_t>(frame), 0); }
    bool operator==(const FrameKey&) const = default;
  };
  DistinctKeys<FrameKey> frames_;
  std::vector<uint32_t> frame_labels_;  // of frames_
  std::vector<uint32_t> known_nodes_;   // by node of the snapshot
  DistinctKeys<Node> nodes_;
};

}  // namespace mla
