#include "python/stack.h"

#include "capture/lifecycle.h"
#include "capture/python_stack.h"
#include "capture/stack_trie.h"
#include "python/domains.h"
#include "python/memory.h"
#include "python/object_helper.h"
#include "segment/segment.h"
#include "segment/segment_file.h"
#include "segment/text.h"

namespace mla {

namespace {

using format::NodeId;
using format::PythonMode;

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr int32_t kCheckedWalks = 512;

Interpreter python;
std::atomic<uint32_t> attached;
std::atomic<uint32_t> readable;  // attached to one whose stacks can be read
std::atomic<uint32_t> given_up;
std::atomic<int32_t> checked_walks_left;

constexpr uint64_t kEntry = 1;
constexpr uint64_t kEmptyGroup = 2;

enum class Walk { kWhole, kDeeper, kBroken };

// The innermost frame; 0: none. False: unreadable.
template <class Memory>
bool first_frame(Memory& memory, uintptr_t state, uintptr_t& frame) {
  const PythonLayout& at = python.layout;
  if (!memory.load(state + at.thread_frame, frame)) return false;
  return at.cframe_frame == PythonLayout::kAbsent || frame == 0 ||
         memory.load(frame + at.cframe_frame, frame);
}

template <class Memory>
bool read_instruction(Memory& memory, const PythonLayout& at, uintptr_t frame, uint64_t& to) {
  if (at.position_kind == PythonLayout::Position::kPointer) {
    return memory.load(frame + at.position, to);
  }
  int32_t index = 0;
  if (!memory.load(frame + at.position, index)) return false;
  to = static_cast<uint64_t>(int64_t{index});
  return true;
}

// In bytes from the first instruction.
uint64_t offset_of(const PythonFrame& frame) {
  const PythonLayout& at = python.layout;
  auto offset = static_cast<int64_t>(frame.instruction);
  if (at.position_kind == PythonLayout::Position::kPointer) {
    offset -= static_cast<int64_t>(frame.code + at.instructions);
  } else if (at.position_kind == PythonLayout::Position::kUnits) {
    offset *= 2;
  }
  return offset < 0 ? 0 : static_cast<uint64_t>(offset);  // before the first instruction
}

// Code that was not seen before is checked when it is copied, what was seen is what it was.
bool is_code(const TrustedMemory&, uintptr_t code) { return code != 0; }
bool is_code(CheckedMemory& memory, uintptr_t code) {
  uintptr_t type = 0;
  return memory.load(code + kTypeAt, type) && type == python.types.code;
}

template <class Memory>
bool read_frame(Memory& memory, const PythonLayout& at, uintptr_t frame, PythonFrame& to) {
  if (!memory.load(frame + at.code, to.code) || !is_code(memory, to.code) ||
      !read_instruction(memory, at, frame, to.instruction)) {
    return false;
  }
  uint8_t entry = at.owner == PythonLayout::kAbsent ? 1 : 0;
  if (at.is_entry != PythonLayout::kAbsent && !memory.load(frame + at.is_entry, entry)) {
    return false;
  }
  to.frame = frame;
  to.flags = entry != 0 ? kEntry : 0;
  return true;
}

template <class Memory>
Walk read_frames(Memory& memory, uintptr_t state, PythonMemo& memo, uint32_t& count) {
  const PythonLayout at = python.layout;  // a copy: no store below can change it
  uintptr_t frame = 0;
  count = 0;
  if (!first_frame(memory, state, frame)) return Walk::kBroken;
  while (frame != 0) {
    if (count == PythonMemo::kMost) return Walk::kDeeper;
    uint8_t owner = 0;
    if (at.owner != PythonLayout::kAbsent && !memory.load(frame + at.owner, owner)) {
      return Walk::kBroken;
    }
    if (owner == kShimOwner && at.owner != PythonLayout::kAbsent) {
      // The end of a group; of one without frames when there is none further in that it could end.
      if (count != 0 && (memo.current[count - 1].flags & kEntry) == 0) {
        memo.current[count - 1].flags |= kEntry;
      } else {
        memo.current[count++] = {frame, 0, 0, kEntry | kEmptyGroup};
      }
    } else {
      if (!read_frame(memory, at, frame, memo.current[count])) return Walk::kBroken;
      ++count;
    }
    if (!memory.load(frame + at.previous, frame)) return Walk::kBroken;
  }
  return Walk::kWhole;
}

__attribute__((noinline)) NodeId find_node(NodeId parent, const PythonFrame& frame,
                                           uint32_t deaths) {
  if ((frame.flags & kEmptyGroup) != 0) return child_node(parent, format::kPcPythonEmptyGroup);
  const format::PythonCodeId code = code_id_of(frame.code, deaths);
  if (code == kInternalCode) return parent;
  const uint64_t pc = format::make_python_pc(code, offset_of(frame), (frame.flags & kEntry) != 0);
  uint32_t child = 0;
  return first_child_is(format::index(parent), pc, child) ? NodeId{child} : child_node(parent, pc);
}

// The node of the stack that ends with `frame`, called from the one of `parent`.
uint32_t node_of(PythonMemo& memo, uint32_t parent, const PythonFrame& frame, uint32_t deaths) {
  const uint64_t tag = TagCache::tag_of(
      frame.code, frame.instruction,
      static_cast<uint64_t>(deaths) << 32 | static_cast<uint64_t>(parent) << 2 | frame.flags);
  uint32_t node = memo.nodes.find(tag);
  if (__builtin_expect(node == 0, 0)) {
    node = format::index(find_node(NodeId{parent}, frame, deaths));
    memo.nodes.keep(tag, node);
  }
  return node;
}

// Inner frames of a stack that has no whole outer part, below a mark.
NodeId intern_part(PythonMemo& memo, uint32_t count, StackEnd end) {
  memo.count = 0;
  uint32_t node = format::index(root_of(end));
  while (count-- > 0) {
    const PythonFrame& frame = memo.current[count];
    node = node_of(memo, node, frame, code_deaths.at(frame.code));
  }
  return NodeId{node};
}

void give_up() {
  if (given_up.exchange(1, kRelaxed) != 0) return;
  pause_python();
  withdraw_objects();
  add_note(
      "Python frames were not where this version of Python keeps them: stacks are native only");
}

// How many of the outermost frames are those of the stack before. A code object that is in the
// stack now cannot die meanwhile.
uint32_t unchanged_frames(PythonMemo& memo, uint32_t count) {
  const uint32_t most = count < memo.count ? count : memo.count;
  const PythonFrame* now = memo.current + count;
  uint32_t same = 0;
  while (same < most && memo.frames[same] == *--now) ++same;
  const uint32_t deaths = code_deaths.all();
  if (__builtin_expect(deaths == memo.deaths, 1)) return same;
  memo.deaths = deaths;
  for (uint32_t i = 0; i < same; ++i) {
    if (code_deaths.at(memo.frames[i].code) != memo.known[i].deaths) return i;
  }
  return same;
}

// The usual case, at half the cost: only the inner frames are read, down to one that is remembered,
// and those further out are compared with what is remembered.
class KnownStack {
 public:
  explicit KnownStack(const PythonMemo& memo) : at_(python.layout), memo_(memo) {}

  // The `fresh` inner frames go to `current`, innermost first; the `same` outer ones are as
  // remembered. False when it is not so simple: all of it is to be read.
  bool read(uintptr_t state, PythonFrame* current, uint32_t& fresh, uint32_t& same) const {
    uintptr_t frame = 0;
    fresh = 0;
    same = 0;
    if (memo_.deaths != code_deaths.all() || !first_frame(memory_, state, frame)) return false;
    while (frame != 0) {
      if (fresh == kMostFresh || is_shim(frame)) return false;
      PythonFrame& read = current[fresh];
      const uint32_t known = find(frame);
      if (!read_with_group(frame, read, frame)) return false;
      if (known == kNowhere) {
        ++fresh;
        continue;
      }
      if (!are_outer(frame, known)) return false;
      const bool moved = !(read == memo_.frames[known]);
      fresh += moved ? 1 : 0;
      same = known + (moved ? 0 : 1);
      return same + fresh <= PythonMemo::kMost;
    }
    return true;
  }

 private:
  static constexpr uint32_t kMostFresh = 8;
  static constexpr uint32_t kNear = 16;  // how many of the inner frames are searched
  static constexpr uint32_t kNowhere = ~uint32_t{0};

  bool is_shim(uintptr_t frame) const {
    uint8_t owner = 0;
    return at_.owner != PythonLayout::kAbsent && memory_.load(frame + at_.owner, owner) &&
           owner == kShimOwner;
  }
  uintptr_t caller_of(uintptr_t frame) const {
    uintptr_t caller = 0;
    memory_.load(frame + at_.previous, caller);
    return caller;
  }

  // A frame, with the end of its group if that is next; `next` lies behind both.
  bool read_with_group(uintptr_t frame, PythonFrame& to, uintptr_t& next) const {
    if (!read_frame(memory_, at_, frame, to)) return false;
    next = caller_of(frame);
    if (next != 0 && is_shim(next)) {
      to.flags |= kEntry;
      next = caller_of(next);
    }
    return true;
  }

  uint32_t find(uintptr_t frame) const {
    const uint32_t end = memo_.count > kNear ? memo_.count - kNear : 0;
    for (uint32_t i = memo_.count; i > end; --i) {
      if (memo_.frames[i - 1].frame == frame) return i - 1;
    }
    return kNowhere;
  }

  bool are_outer(uintptr_t frame, uint32_t count) const {
    if (at_.position_kind != PythonLayout::Position::kPointer) {
      return are_outer<int32_t, false, false>(frame, count);
    }
    return at_.owner == PythonLayout::kAbsent ? are_outer<uint64_t, true, false>(frame, count)
                                              : are_outer<uint64_t, false, true>(frame, count);
  }

  // Whether the stack from `frame` outwards is that of the `count` outermost frames. Addresses are
  // those remembered, once they have been compared: no load waits for the one before.
  template <class Instruction, bool kHasEntry, bool kHasShims>
  bool are_outer(uintptr_t frame, uint32_t count) const {
    for (const PythonFrame* known = memo_.frames + count; known-- != memo_.frames;) {
      if (frame != known->frame) return false;
      const uintptr_t address = known->frame;
      frame = caller_of(address);
      if (kHasShims && (known->flags & kEmptyGroup) != 0) {
        if (!is_shim(address)) return false;
        continue;
      }
      uintptr_t code = 0;
      Instruction instruction = 0;
      memory_.load(address + at_.code, code);
      memory_.load(address + at_.position, instruction);
      if (code != known->code || instruction != static_cast<Instruction>(known->instruction)) {
        return false;
      }
      if constexpr (kHasEntry) {
        uint8_t entry = 0;
        memory_.load(address + at_.is_entry, entry);
        if ((entry != 0) != ((known->flags & kEntry) != 0)) return false;
      }
      if (kHasShims && (known->flags & kEntry) != 0) {
        if (frame == 0 || !is_shim(frame)) return false;
        frame = caller_of(frame);
      }
    }
    return frame == 0;
  }

  TrustedMemory memory_;
  const PythonLayout at_;  // a copy: no store can change it
  const PythonMemo& memo_;
};

// All frames go to memo.current, innermost first, but `same` of them are those of the stack before.
Walk read_whole(PythonMemo& memo, uintptr_t state, uint32_t& fresh, uint32_t& same) {
  Walk walk = Walk::kWhole;
  same = 0;
  if (__builtin_expect(checked_walks_left.load(kRelaxed) > 0, 0)) {
    checked_walks_left.fetch_sub(1, kRelaxed);
    CheckedMemory memory;
    walk = read_frames(memory, state, memo, fresh);
    if (walk == Walk::kBroken) give_up();
  } else {
    TrustedMemory memory;
    walk = read_frames(memory, state, memo, fresh);
  }
  if (walk != Walk::kWhole) return walk;
  same = unchanged_frames(memo, fresh);
  fresh -= same;
  return walk;
}

NodeId read_stack(PythonMemo& memo) {
  const uintptr_t state = thread_state(python);
  if (state == 0) return NodeId::kRoot;
  uint32_t fresh = 0;
  uint32_t same = 0;
  if (checked_walks_left.load(kRelaxed) > 0 ||
      !KnownStack(memo).read(state, memo.current, fresh, same)) {
    const Walk walk = read_whole(memo, state, fresh, same);
    if (__builtin_expect(walk == Walk::kDeeper, 0)) {
      return intern_part(memo, format::kTruncatedDepth, StackEnd::kTruncated);
    }
    if (__builtin_expect(walk == Walk::kBroken, 0)) {
      if (given_up.load(kRelaxed) != 0) return NodeId::kRoot;
      segment.count_loss(format::Loss::kPythonStackBroken);
      return intern_part(memo, fresh, StackEnd::kIncomplete);
    }
  }
  uint32_t node = same == 0 ? 0 : memo.known[same - 1].node;
  if (fresh == 0 && same == memo.count) return NodeId{node};
  // A signal handler may leave by siglongjmp, for good: what is remembered is whole at all times.
  memo.count = same;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  while (fresh-- > 0) {
    const PythonFrame& frame = memo.current[fresh];
    const uint32_t deaths = code_deaths.at(frame.code);
    node = node_of(memo, node, frame, deaths);
    memo.frames[same] = frame;
    memo.known[same] = {node, deaths};
    ++same;
  }
  std::atomic_signal_fence(std::memory_order_seq_cst);
  memo.count = same;
  return NodeId{node};
}

void at_tick() { check_domains(python); }

void reset_python_after_fork() {
  reset_code_table_after_fork();
  reset_objects_after_fork();
}

constexpr PythonReader kReader = {read_stack, reset_python_after_fork, at_tick};

// What can be had of what is wished for.
PythonMode take_up_domains(const void* object, FindSymbol find, const PythonWish& wish,
                           const char* version) {
  const bool objects = wish.mode == PythonMode::kObjects;
  const char* why = "it was loaded after the start of the program";
  const bool wrapped = !wish.late && wrap_domains(object, find, objects, why);
  if (!objects) return PythonMode::kFrames;
  if (wrapped) return PythonMode::kObjects;
  char line[256];
  Text note(line, sizeof line);
  note.add("Python ").add(version).add(": ").add(why).add(": its small objects are not recorded");
  add_note(note.c_str());
  return PythonMode::kFrames;
}

}  // namespace

bool attach_python(const void* object, FindSymbol find, const PythonWish& wish) {
  const auto version = reinterpret_cast<const char* (*)()>(find(object, "Py_GetVersion"));
  if (version == nullptr || attached.exchange(1, std::memory_order_acq_rel) != 0) return false;
  char text[64];
  Text number(text, sizeof text);  // "3.11.2 (main, ...) [GCC ...]"
  for (const char* v = version(); *v != 0 && *v != ' '; ++v) number.add_char(*v);
  describe_python(number.c_str());
  const char* why = nullptr;
  if (!find_interpreter(object, find, python, why)) {
    char line[256];
    Text note(line, sizeof line);
    note.add("Python ").add(number.c_str()).add(": ").add(why).add(": stacks are native only");
    add_note(note.c_str());
    return true;
  }
  if (!open_code_table(python.layout, python.types)) return true;
  const PythonMode mode = take_up_domains(object, find, wish, number.c_str());
  segment.header().python.store(static_cast<uint32_t>(mode), kRelaxed);
  checked_walks_left.store(kCheckedWalks, kRelaxed);
  offer_objects(object, find, python);
  readable.store(1, kRelaxed);
  resume_python();
  return true;
}

void pause_python() { python_reader.store(nullptr, std::memory_order_relaxed); }

void resume_python() {
  if (readable.load(kRelaxed) == 0 || given_up.load(kRelaxed) != 0) return;
  python_reader.store(&kReader, std::memory_order_release);  // acquired in python_node()
}

void forget_python() {
  withdraw_objects();
  readable.store(0, kRelaxed);
  attached.store(0, std::memory_order_release);
}

}  // namespace mla
