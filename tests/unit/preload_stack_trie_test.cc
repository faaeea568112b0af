// The trie of stacks and the sites at its leaves, from several threads at once.
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <thread>
#include <vector>

#include "capture/sites.h"
#include "capture/stack_trie.h"
#include "segment/control.h"

namespace mla {
namespace {

using format::NodeId;
using format::NodeRecord;
using format::SiteId;
using format::SiteRecord;
using format::Table;

constexpr uint64_t kNoCode = 0x100000000000;  // in no module

// The trie is one for the process, as in libmla.so, and each test begins a new one.
class StackTrieTest : public testing::Test {
 protected:
  StackTrieTest() { set_mode(Mode::kRecording); }
  ~StackTrieTest() override {
    forget_nodes(0, UINT64_MAX);
    segment.unmap();
    set_mode(Mode::kUnset);
  }
  void SetUp() override {
    ASSERT_TRUE(segment.open_private());
    ASSERT_TRUE(open_stack_trie());
    forget_links();
  }

  // Those of an earlier test are of nodes that are no more.
  static void forget_links() {
    for (uint64_t i = 0; i < kMostNodes; ++i) {
      node_links[i].child.store(0);
      node_links[i].site.store(0);
    }
  }
  static constexpr uint64_t kMostNodes = 200'000;

  // A stack as number `n` says: its frames differ from the leaf outwards, as those of programs do.
  static CapturedStack stack_of(uint32_t n) {
    CapturedStack stack;
    stack.end = StackEnd::kComplete;
    stack.depth = 3 + n % 5;
    for (uint32_t i = 0; i < stack.depth; ++i) {
      const uint32_t of_caller = i == 0 ? n : n >> (2 * i);
      stack.pcs[i] = kNoCode + of_caller * 16 + i;
    }
    return stack;
  }
  static std::vector<uint64_t> path_of(uint32_t node) {
    std::vector<uint64_t> pcs;
    for (; node != 0; node = segment.record<NodeRecord>(Table::kNodes, node)->parent) {
      pcs.push_back(segment.record<NodeRecord>(Table::kNodes, node)->pc.load());
    }
    return pcs;
  }
  static void expect_path(uint32_t node, const CapturedStack& stack) {
    const std::vector<uint64_t> wanted(stack.pcs, stack.pcs + stack.depth);
    ASSERT_EQ(path_of(node), wanted);
  }
};

TEST_F(StackTrieTest, SameStackSameNode) {
  std::map<uint32_t, uint32_t> nodes;
  for (int round = 0; round < 2; ++round) {
    for (uint32_t n = 0; n < 1000; ++n) {
      const CapturedStack stack = stack_of(n);
      const uint32_t node = format::index(intern_stack(stack));
      expect_path(node, stack);
      EXPECT_EQ(nodes.emplace(n, node).first->second, node);
    }
  }
}

TEST_F(StackTrieTest, ThreadsThatMeetAtTheSameStacks) {
  constexpr uint32_t kThreads = 4;
  constexpr uint32_t kStacks = 5003;  // a prime: all threads come by all of them
  std::vector<std::vector<SiteId>> sites(kThreads, std::vector<SiteId>(kStacks));
  std::vector<std::thread> threads;
  for (uint32_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&sites, t] {
      const auto children = std::make_unique<ChildCache>();
      for (uint32_t i = 0; i < 2 * kStacks; ++i) {
        // Each thread in another order, by turns through its cache and without.
        const uint32_t n = (i * (2 * t + 1) + t * 997) % kStacks;
        const CapturedStack stack = stack_of(n);
        uint32_t node = 0;
        if (i % 2 == 0) {
          node = format::index(intern_stack(stack));
        } else {
          for (uint32_t f = stack.depth; f-- > 0;) node = children->child_of(node, stack.pcs[f]);
        }
        expect_path(node, stack);
        sites[t][n] = heap_site_of(NodeId{node});
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  // Two threads may have made a stack at the same time; of each the site is that stack's.
  for (uint32_t n = 0; n < kStacks; ++n) {
    for (uint32_t t = 0; t < kThreads; ++t) {
      const auto* site = segment.record<SiteRecord>(Table::kSites, format::index(sites[t][n]));
      expect_path(site->native, stack_of(n));
    }
  }
}

TEST_F(StackTrieTest, ForgettingWhileOthersWalk) {
  constexpr uint32_t kStacks = 500;
  std::vector<std::thread> threads;
  for (uint32_t t = 0; t < 3; ++t) {
    threads.emplace_back([t] {
      const auto children = std::make_unique<ChildCache>();
      for (uint32_t i = 0; i < 20 * kStacks; ++i) {
        const CapturedStack stack = stack_of((i * (2 * t + 1)) % kStacks);
        uint32_t node = 0;
        for (uint32_t f = stack.depth; f-- > 0;) node = children->child_of(node, stack.pcs[f]);
        expect_path(node, stack);
      }
    });
  }
  threads.emplace_back([] {
    for (int i = 0; i < 20; ++i) forget_nodes(kNoCode, kNoCode + 40 * 16);
  });
  for (std::thread& thread : threads) thread.join();
  const CapturedStack stack = stack_of(7);
  const uint32_t before = format::index(intern_stack(stack));
  forget_nodes(stack.pcs[0], stack.pcs[0] + 1);
  const uint32_t after = format::index(intern_stack(stack));
  EXPECT_NE(before, after);  // another module may be there now
  expect_path(after, stack);
}

}  // namespace
}  // namespace mla
