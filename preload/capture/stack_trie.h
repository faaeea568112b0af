// Stacks as nodes of a trie of program counters, shared by all threads and kept in the segment.
#pragma once

#include <cstdint>

#include "capture/stack_capture.h"
#include "format/format.h"

namespace mla {

// The node of the stack's leaf; new nodes are added. When the trie is full: the node of as many
// outer frames as are there, and a loss is counted.
format::NodeId intern_stack(const CapturedStack& stack);

// The node a stack begins with: the root, or a mark below it when outer frames are missing, which
// is counted as a loss.
format::NodeId root_of(StackEnd end);

// The child of `parent` at `pc` (as NodeRecord::pc), added if it is new. When the trie is full,
// `parent` itself, and a loss is counted.
format::NodeId child_node(format::NodeId parent, uint64_t pc);

// In a forked child, see IdIndex.
void reset_trie_after_fork();

// New stacks through [low, high) get new nodes: another module may be loaded there later.
void forget_nodes(uint64_t low, uint64_t high);

}  // namespace mla
