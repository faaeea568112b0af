// Stacks as nodes of a trie of program counters, shared by all threads and kept in the segment.
//
// Beside each node's record lies, in private memory, what this process looks up by node: the child
// found there last and the site. Most nodes have one child, or are asked for the same one many times
// in a row, so that going down a known path costs one load a frame (the comparison with the record is
// off the critical path). Nodes of a path were mostly made one after the other, so they share cache
// lines. A hash table alone, with two or three misses a frame, was the largest part of mla's time in
// cc1plus, whose trie has 200,000 nodes [measured].
#pragma once

#include <atomic>
#include <cstdint>

#include "capture/stack_capture.h"
#include "format/format.h"
#include "segment/segment.h"

namespace mla {

struct NodeLinks {
  // Both are ids of published records: release stores, paired with the acquires in child_node()
  // and heap_site_of(). 0: none.
  std::atomic<uint32_t> child;
  std::atomic<uint32_t> site;  // of the heap allocations made with this stack
};

// By node id, as many as the table of nodes may get; pages cost memory when nodes use them.
extern NodeLinks* node_links;

// Before anything else here. False if there is no memory.
bool open_stack_trie();

// Out of line: the child is another than last time, or new.
format::NodeId find_child(format::NodeId parent, uint64_t pc);

// The child of `parent` at `pc` (as NodeRecord::pc), added if it is new. When the trie is full,
// `parent` itself, and a loss is counted.
inline format::NodeId child_node(format::NodeId parent, uint64_t pc) {
  const uint32_t last = node_links[format::index(parent)].child.load(std::memory_order_acquire);
  if (__builtin_expect(last != 0, 1)) {
    const auto* node = segment.record<format::NodeRecord>(format::Table::kNodes, last);
    if (node->pc.load(std::memory_order_relaxed) == pc) return format::NodeId{last};
  }
  return find_child(parent, pc);
}

// The node of the stack's leaf; new nodes are added. When the trie is full: the node of as many
// outer frames as are there, and a loss is counted.
format::NodeId intern_stack(const CapturedStack& stack);

// The node a stack begins with: the root, or a mark below it when outer frames are missing, which
// is counted as a loss.
format::NodeId root_of(StackEnd end);

// In a forked child, see IdIndex.
void reset_trie_after_fork();

// New stacks through [low, high) get new nodes: another module may be loaded there later.
void forget_nodes(uint64_t low, uint64_t high);

}  // namespace mla
