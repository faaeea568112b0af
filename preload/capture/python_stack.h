// Where capture meets Python: the interface that preload/python implements. Capture knows nothing
// of CPython but that a thread may have a second stack, and that it, too, is a path in the trie.
#pragma once

#include <atomic>
#include <cstdint>

#include "capture/tag_cache.h"
#include "format/format.h"

namespace mla {

// A frame as it was found.
struct PythonFrame {
  uintptr_t frame;
  uintptr_t code;
  uint64_t instruction;  // its address or index, as the frame has it
  uint64_t flags;        // 1: outermost of its group; 2: an empty group

  friend bool operator==(const PythonFrame&, const PythonFrame&) = default;
};

// A thread's last Python stack. Frames are mostly those of the stack before, but for a few inner
// ones: only from the first one that differs are nodes looked up.
struct PythonMemo {
  static constexpr uint32_t kMost = format::kMaxStackDepth;

  // An interpreter's thread state belongs to one thread: call when the thread is another one.
  void forget() { count = 0; }

  // What else is known of a frame that is remembered.
  struct Known {
    uint32_t node;    // of the stack that ends there
    uint32_t deaths;  // of code objects at this one's address, up to when it was looked up
  };

  uint32_t count;
  uint32_t deaths;            // of all code objects, up to the last stack
  PythonFrame frames[kMost];  // outermost first
  Known known[kMost];
  PythonFrame current[kMost];  // of the stack being read, innermost first
  TagCache nodes;              // by frame and the node further out
};

struct PythonReader {
  // The node of the calling thread's Python stack; kRoot: it has none, or none that can be read
  // now.
  format::NodeId (*read)(PythonMemo& memo);
  // In a forked child, see IdIndex.
  void (*reset_after_fork)();
  // At a tick, in whatever thread.
  void (*at_tick)();
};

// nullptr: there is no Python in this process, or its stacks are not recorded. Release stores; the
// acquire is in python_node().
extern std::atomic<const PythonReader*> python_reader;

inline format::NodeId python_node(PythonMemo& memo) {
  const PythonReader* reader = python_reader.load(std::memory_order_acquire);
  return reader == nullptr ? format::NodeId::kRoot : reader->read(memo);
}

}  // namespace mla
