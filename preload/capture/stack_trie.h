// Stacks as nodes of a trie of program counters, shared by all threads and kept in the segment.
//
// Beside each node's record lies, in private memory, what this process looks up by node: its first
// child and its site. Most nodes have one child, so that going down a known path costs one load a
// frame (the comparison with the record is off the critical path), and the nodes of a path, made
// one after the other, share cache lines. The other children are found through a small cache of
// each thread, then through a hash table. The table alone, with two or three misses a frame, was
// the largest part of mla's time in cc1plus, whose trie has 360,000 nodes; keeping the last child
// instead of the first made threads that share code fight over the links [measured].
#pragma once

#include <atomic>
#include <cstdint>

#include "capture/stack_capture.h"
#include "format/format.h"
#include "segment/segment.h"

namespace mla {

struct NodeLinks {
  // Both are ids of published records: release stores, paired with the acquires in first_child_is()
  // and heap_site_of(). 0: none.
  std::atomic<uint32_t> child;  // the first one
  // Of the heap allocations made with this stack; of a stack of Python the first one, with whatever
  // native stack.
  std::atomic<uint32_t> site;
};

// By node id, as many as the table of nodes may get; pages cost memory when nodes use them.
extern NodeLinks* node_links;

// Counts the calls of forget_nodes(): what is known of a node by its program counter may be over.
extern std::atomic<uint32_t> forgotten_nodes_epoch;

// Before anything else here. False if there is no memory.
bool open_stack_trie();

// The child of `parent` at `pc` (as NodeRecord::pc), added if it is new. When the trie is full,
// `parent` itself, and a loss is counted.
format::NodeId child_node(format::NodeId parent, uint64_t pc);

// Whether the first child of `parent` is that at `pc`; then it is `child`.
inline bool first_child_is(uint32_t parent, uint64_t pc, uint32_t& child) {
  const uint32_t first = node_links[parent].child.load(std::memory_order_acquire);
  if (first == 0) return false;
  const auto* node = segment.record<format::NodeRecord>(format::Table::kNodes, first);
  if (node->pc.load(std::memory_order_relaxed) != pc) return false;
  child = first;
  return true;
}

// A thread's cache of other children than the first.
class ChildCache {
 public:
  uint32_t child_of(uint32_t parent, uint64_t pc) {
    uint32_t child = 0;
    if (first_child_is(parent, pc, child)) return child;
    Entry& e =
        entries_[(pc * 0x9e3779b97f4a7c15ULL + parent * 0xd6e8feb86659fd93ULL) >> (64 - kBits)];
    const uint64_t key = key_of(parent);
    if (e.pc == pc && e.key_and_child >> kIdBits == key) {
      return static_cast<uint32_t>(e.key_and_child) & kIdMask;
    }
    child = format::index(child_node(format::NodeId{parent}, pc));
    // A signal handler may leave by siglongjmp at any instruction: no half of one entry with half
    // of another.
    e.pc = 0;
    std::atomic_signal_fence(std::memory_order_seq_cst);
    e.key_and_child = key << kIdBits | child;
    std::atomic_signal_fence(std::memory_order_seq_cst);
    e.pc = pc;
    return child;
  }

 private:
  static constexpr uint32_t kBits = 11;
  static constexpr uint32_t kIdBits = 21;
  static constexpr uint32_t kIdMask = (1U << kIdBits) - 1;
  static_assert(format::shape(format::Table::kNodes).max_records() <= 1U << kIdBits);
  struct Entry {
    uint64_t pc;
    uint64_t key_and_child;  // epoch:22 | parent:21 | child:21
  };
  static uint64_t key_of(uint32_t parent) {
    const uint64_t epoch = forgotten_nodes_epoch.load(std::memory_order_relaxed);
    return (epoch << kIdBits | parent) & ((1ULL << (64 - kIdBits)) - 1);
  }
  Entry entries_[1U << kBits];
};

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
