#include "capture/stack_trie.h"

#include "capture/id_index.h"
#include "segment/module_log.h"
#include "segment/segment.h"

namespace mla {

namespace {

using format::Loss;
using format::NodeId;
using format::NodeRecord;
using format::PcMark;
using format::Table;

constinit IdIndex node_index{};

uint32_t hash_of(uint32_t parent, uint64_t pc) {
  const uint64_t mixed =
      (pc ^ (static_cast<uint64_t>(parent) << 32 | parent)) * 0x9e3779b97f4a7c15ULL;
  return static_cast<uint32_t>((mixed ^ (mixed >> 29)) >> 16);
}

}  // namespace

NodeId child_node(NodeId parent, uint64_t pc) {
  const uint32_t up = format::index(parent);
  const uint32_t hash = hash_of(up, pc);
  const uint32_t known = node_index.find(hash, [&](uint32_t id) {
    const NodeRecord* node = segment.record<NodeRecord>(Table::kNodes, id);
    return node->pc.load(std::memory_order_relaxed) == pc && node->parent == up;
  });
  if (known != IdIndex::kNone) return NodeId{known};
  const uint64_t id = segment.claim(Table::kNodes);
  if (id == Segment::kNoRecord) {
    segment.count_loss(Loss::kStackTableFull);
    return parent;
  }
  NodeRecord* node = segment.record<NodeRecord>(Table::kNodes, id);
  node->parent = up;
  node->module = pc < 0x1000 ? 0 : format::index(module_of(pc & format::kPcAddress));
  node->pc.store(pc, std::memory_order_release);  // acquired by the reader
  node_index.add(hash, static_cast<uint32_t>(id));
  return NodeId{static_cast<uint32_t>(id)};
}

NodeId root_of(StackEnd end) {
  if (end == StackEnd::kComplete) return NodeId::kRoot;
  segment.count_loss(end == StackEnd::kTruncated ? Loss::kStackTruncated : Loss::kStackIncomplete);
  const PcMark mark = end == StackEnd::kTruncated ? PcMark::kTruncated : PcMark::kIncomplete;
  return child_node(NodeId::kRoot, static_cast<uint64_t>(mark));
}

NodeId intern_stack(const CapturedStack& stack) {
  NodeId node = root_of(stack.end);
  for (uint32_t i = stack.depth; i-- > 0;) node = child_node(node, stack.pcs[i]);
  return node;
}

void reset_trie_after_fork() { node_index.reset_after_fork(); }

void forget_nodes(uint64_t low, uint64_t high) {
  node_index.forget([&](uint32_t id) {
    const uint64_t pc =
        segment.record<NodeRecord>(Table::kNodes, id)->pc.load(std::memory_order_relaxed) &
        format::kPcAddress;
    return pc >= low && pc < high;
  });
}

}  // namespace mla
