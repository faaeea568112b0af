#include "capture/stack_trie.h"

#include "capture/id_index.h"
#include "segment/module_log.h"
#include "segment/own_memory.h"

namespace mla {

constinit NodeLinks* node_links = nullptr;
std::atomic<uint32_t> forgotten_nodes_epoch;

namespace {

using format::Loss;
using format::NodeId;
using format::NodeRecord;
using format::PcMark;
using format::Table;

constinit IdIndex node_index{};

// Two rounds: return addresses of a module and ids of a path differ in few bits, and linear probing
// suffers from what is left of that.
uint32_t hash_of(uint32_t parent, uint64_t pc) {
  uint64_t mixed = (pc + parent * 0xd6e8feb86659fd93ULL) * 0x9e3779b97f4a7c15ULL;
  mixed ^= mixed >> 32;
  mixed *= 0xd6e8feb86659fd93ULL;
  return static_cast<uint32_t>(mixed >> 32);
}

}  // namespace

bool open_stack_trie() {
  constexpr size_t kBytes = format::shape(Table::kNodes).max_records() * sizeof(NodeLinks);
  if (node_links == nullptr) node_links = static_cast<NodeLinks*>(own_reserve(kBytes));
  return node_links != nullptr;
}

NodeId child_node(NodeId parent, uint64_t pc) {
  const uint32_t up = format::index(parent);
  uint32_t first = 0;
  if (first_child_is(up, pc, first)) return NodeId{first};
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
  constexpr uint64_t kLinksPerPage = 4096 / sizeof(NodeLinks);
  if (id % kLinksPerPage == 0) own_private_bytes.fetch_add(4096, std::memory_order_relaxed);
  NodeRecord* node = segment.record<NodeRecord>(Table::kNodes, id);
  node->parent = up;
  const bool no_code = pc < 0x1000 || (pc & format::kPcPython) != 0;
  node->module = no_code ? 0 : format::index(module_of(pc & format::kPcAddress));
  node->pc.store(pc, std::memory_order_release);  // acquired by the reader
  node_index.add(hash, static_cast<uint32_t>(id));
  if (node_links[up].child.load(std::memory_order_relaxed) == 0) {
    node_links[up].child.store(static_cast<uint32_t>(id), std::memory_order_release);
  }
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
  const auto gone = [&](uint32_t id) {
    const uint64_t pc =
        segment.record<NodeRecord>(Table::kNodes, id)->pc.load(std::memory_order_relaxed);
    const uint64_t address = pc & format::kPcAddress;
    return (pc & format::kPcPython) == 0 && address >= low && address < high;
  };
  node_index.forget(gone);
  const uint64_t claimed = segment.header().claimed[static_cast<uint32_t>(Table::kNodes)].load(
      std::memory_order_acquire);
  forgotten_nodes_epoch.fetch_add(1, std::memory_order_relaxed);
  const uint64_t most = format::shape(Table::kNodes).max_records();
  for (uint64_t i = 0; i < claimed && i < most; ++i) {
    const uint32_t child = node_links[i].child.load(std::memory_order_acquire);
    if (child != 0 && gone(child)) node_links[i].child.store(0, std::memory_order_relaxed);
  }
}

}  // namespace mla
