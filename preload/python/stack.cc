#include "python/stack.h"

#include "capture/lifecycle.h"
#include "capture/python_stack.h"
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
constexpr uint32_t kPositionShift = 2;

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
bool read_position(Memory& memory, const PythonLayout& at, uintptr_t frame, uintptr_t code,
                   uint64_t& bytes) {
  int64_t offset = 0;
  if (at.position_kind == PythonLayout::Position::kPointer) {
    uintptr_t instruction = 0;
    if (!memory.load(frame + at.position, instruction)) return false;
    offset = static_cast<int64_t>(instruction - (code + at.instructions));
  } else {
    int32_t index = 0;
    if (!memory.load(frame + at.position, index)) return false;
    offset = at.position_kind == PythonLayout::Position::kUnits ? int64_t{index} * 2 : index;
  }
  bytes = offset < 0 ? 0 : static_cast<uint64_t>(offset);  // before the first instruction
  return true;
}

// Code that was not seen before is checked when it is copied, what was seen is what it was.
bool is_code(const TrustedMemory&, uintptr_t code) { return code != 0; }
bool is_code(CheckedMemory& memory, uintptr_t code) {
  uintptr_t type = 0;
  return memory.load(code + kTypeAt, type) && type == python.types.code;
}

template <class Memory>
bool read_frame(Memory& memory, const PythonLayout& at, uintptr_t frame, PythonFrame& to) {
  uint64_t offset = 0;
  if (!memory.load(frame + at.code, to.code) || !is_code(memory, to.code) ||
      !read_position(memory, at, frame, to.code, offset)) {
    return false;
  }
  uint8_t entry = at.owner == PythonLayout::kAbsent ? 1 : 0;
  if (at.is_entry != PythonLayout::kAbsent && !memory.load(frame + at.is_entry, entry)) {
    return false;
  }
  to.frame = frame;
  to.position = offset << kPositionShift | (entry != 0 ? kEntry : 0);
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
      if (count != 0 && (memo.current[count - 1].position & kEntry) == 0) {
        memo.current[count - 1].position |= kEntry;
      } else {
        memo.current[count++] = {frame, 0, kEntry | kEmptyGroup};
      }
    } else {
      if (!read_frame(memory, at, frame, memo.current[count])) return Walk::kBroken;
      ++count;
    }
    if (!memory.load(frame + at.previous, frame)) return Walk::kBroken;
  }
  return Walk::kWhole;
}

// The node of the stack that ends with `frame`, called from the one of `parent`.
uint32_t node_of(PythonMemo& memo, uint32_t parent, const PythonFrame& frame, uint32_t deaths) {
  if ((frame.position & kEmptyGroup) != 0) {
    return memo.children.child_of(parent, format::kPcPythonEmptyGroup);
  }
  const format::PythonCodeId code = code_id_of(frame.code, deaths);
  if (code == kInternalCode) return parent;
  return memo.children.child_of(parent,
                                format::make_python_pc(code, frame.position >> kPositionShift,
                                                       (frame.position & kEntry) != 0));
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

NodeId read_stack(PythonMemo& memo) {
  const uintptr_t state = thread_state(python);
  if (state == 0) return NodeId::kRoot;
  uint32_t count = 0;
  Walk walk = Walk::kWhole;
  if (__builtin_expect(checked_walks_left.load(kRelaxed) > 0, 0)) {
    checked_walks_left.fetch_sub(1, kRelaxed);
    CheckedMemory memory;
    walk = read_frames(memory, state, memo, count);
    if (walk == Walk::kBroken) {
      give_up();
      return NodeId::kRoot;
    }
  } else {
    TrustedMemory memory;
    walk = read_frames(memory, state, memo, count);
  }
  if (__builtin_expect(walk == Walk::kDeeper, 0)) {
    return intern_part(memo, format::kTruncatedDepth, StackEnd::kTruncated);
  }
  if (__builtin_expect(walk == Walk::kBroken, 0)) {
    segment.count_loss(format::Loss::kPythonStackBroken);
    return intern_part(memo, count, StackEnd::kIncomplete);
  }
  const uint32_t same = unchanged_frames(memo, count);
  uint32_t node = same == 0 ? 0 : memo.known[same - 1].node;
  // A signal handler may leave by siglongjmp, for good: what is remembered is whole at all times.
  memo.count = same;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  for (uint32_t i = same; i < count; ++i) {
    const PythonFrame& frame = memo.current[count - 1 - i];
    const uint32_t deaths = code_deaths.at(frame.code);
    node = node_of(memo, node, frame, deaths);
    memo.frames[i] = frame;
    memo.known[i] = {node, deaths};
  }
  std::atomic_signal_fence(std::memory_order_seq_cst);
  memo.count = count;
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
