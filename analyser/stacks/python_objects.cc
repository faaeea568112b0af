#include "stacks/python_objects.h"

#include <algorithm>
#include <vector>

namespace mla {

namespace {

using format::PythonLayout;
using Position = PythonLayout::Position;

constexpr uint64_t kTypeAt = 8;    // PyObject::ob_type
constexpr uint64_t kSizeAt = 16;   // PyVarObject::ob_size
constexpr uint64_t kStateAt = 32;  // of a str: interned:2, kind:3, compact:1, ascii:1
constexpr uint64_t kMostCharacters = 4096;
constexpr uint64_t kMostLineBytes = 1 << 20;
constexpr size_t kMostFrames = 4096;

void append_utf8(uint32_t c, std::string& to) {
  const auto put = [&to](uint32_t byte) { to += static_cast<char>(byte); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xc0 | c >> 6);
    put(0x80 | (c & 0x3f));
  } else if (c < 0x10000) {
    put(0xe0 | c >> 12);
    put(0x80 | (c >> 6 & 0x3f));
    put(0x80 | (c & 0x3f));
  } else {
    put(0xf0 | (c >> 18 & 7));
    put(0x80 | (c >> 12 & 0x3f));
    put(0x80 | (c >> 6 & 0x3f));
    put(0x80 | (c & 0x3f));
  }
}

}  // namespace

void PythonObjects::add_frames(uint64_t thread_state, PythonThread& thread) {
  uint64_t frame = 0;
  bool readable = memory_.load(thread_state + layout_.thread_frame, frame);
  if (readable && frame != 0 && layout_.cframe_frame != PythonLayout::kAbsent) {
    readable = memory_.load(frame + layout_.cframe_frame, frame);
  }
  while (readable && frame != 0) {
    if (thread.frames.size() == kMostFrames) {
      readable = false;
      break;
    }
    readable = add_frame(frame, thread) && memory_.load(frame + layout_.previous, frame);
  }
  if (!readable) thread.complete = false;
}

// See read_frames() of preload/python/stack.cc, which walks the same chain from inside.
bool PythonObjects::add_frame(uint64_t frame, PythonThread& thread) {
  if (layout_.owner != PythonLayout::kAbsent) {
    uint8_t owner = 0;
    if (!memory_.load(frame + layout_.owner, owner)) return false;
    if (owner == format::kShimOwner) {
      if (!thread.frames.empty() && !thread.frames.back().entry) {
        thread.frames.back().entry = true;
      } else {
        thread.frames.push_back({.entry = true, .empty_group = true});
      }
      return true;
    }
  }
  uint64_t address = 0;
  PythonPosition position;
  if (!memory_.load(frame + layout_.code, address)) return false;
  const auto code = code_at(address);
  if (!code || !read_position(frame, address, position.offset)) return false;
  uint8_t entry = layout_.owner == PythonLayout::kAbsent ? 1 : 0;
  if (layout_.is_entry != PythonLayout::kAbsent && !memory_.load(frame + layout_.is_entry, entry)) {
    return false;
  }
  position.code = code->index;
  position.entry = entry != 0;
  if (!code->internal) thread.frames.push_back(position);
  return true;
}

bool PythonObjects::read_position(uint64_t frame, uint64_t code, uint64_t& offset) {
  int64_t bytes = 0;
  if (layout_.position_kind == Position::kPointer) {
    uint64_t instruction = 0;
    if (!memory_.load(frame + layout_.position, instruction)) return false;
    bytes = static_cast<int64_t>(instruction - (code + layout_.instructions));
  } else {
    int32_t index = 0;
    if (!memory_.load(frame + layout_.position, index)) return false;
    bytes = layout_.position_kind == Position::kUnits ? int64_t{index} * 2 : index;
  }
  offset = static_cast<uint64_t>(std::max<int64_t>(bytes, 0));  // before the first instruction
  return true;
}

std::optional<PythonObjects::KnownCode> PythonObjects::code_at(uint64_t address) {
  const auto known = known_.find(address);
  if (known != known_.end()) return known->second;
  uint64_t type = 0;
  uint64_t file = 0;
  uint64_t function = 0;
  uint64_t lines = 0;
  PythonCode code;
  if (!memory_.load(address + kTypeAt, type) || type != types_.code ||
      !memory_.load(address + layout_.file, file) ||
      !memory_.load(address + layout_.name, function) ||
      !memory_.load(address + layout_.lines, lines) ||
      !memory_.load(address + layout_.first_line, code.first_line)) {
    return std::nullopt;
  }
  KnownCode result;
  if (layout_.traceable != PythonLayout::kAbsent) {
    uint32_t traceable = 0;
    uint64_t units = 0;
    if (!memory_.load(address + layout_.traceable, traceable) ||
        !memory_.load(address + kSizeAt, units)) {
      return std::nullopt;
    }
    result.internal = traceable >= units;
  }
  const auto file_name = text_at(file);
  const auto function_name = text_at(function);
  if (!file_name || !function_name) return std::nullopt;
  code.file = *file_name;
  code.function = *function_name;
  code.lines = bytes_at(lines);
  code.lines_format = code.lines.empty() ? format::PythonLines::kNone : layout_.lines_format;
  result.index = static_cast<uint32_t>(codes_.size());
  codes_.push_back(std::move(code));
  known_[address] = result;
  return result;
}

// Cut to kMostCharacters. Nothing if there is no str.
std::optional<std::string> PythonObjects::text_at(uint64_t address) {
  uint64_t type = 0;
  uint64_t length = 0;
  if (!memory_.load(address + kTypeAt, type) || type != types_.text ||
      !memory_.load(address + kSizeAt, length)) {
    return std::nullopt;
  }
  uint32_t kind = 1;
  bool ascii = true;
  if (layout_.unicode_text != PythonLayout::kAbsent) {
    uint32_t state = 0;
    if (!memory_.load(address + kStateAt, state) || (state >> 5 & 1) == 0) return std::nullopt;
    kind = state >> 2 & 7;
    ascii = (state >> 6 & 1) != 0;
    if (kind != 1 && kind != 2 && kind != 4) return std::nullopt;
  }
  length = std::min(length, kMostCharacters);
  std::vector<uint8_t> raw(length * kind);
  const uint64_t at = address + (ascii ? layout_.ascii_text : layout_.unicode_text);
  if (!memory_.read(at, raw.data(), raw.size())) return std::nullopt;
  std::string text;
  if (ascii) {
    text.assign(raw.begin(), raw.end());
    return text;
  }
  for (uint64_t i = 0; i < length; ++i) {
    uint32_t c = 0;
    for (uint32_t byte = 0; byte < kind; ++byte) {
      c |= uint32_t{raw[i * kind + byte]} << (8 * byte);
    }
    append_utf8(c, text);
  }
  return text;
}

std::string PythonObjects::bytes_at(uint64_t address) {
  uint64_t type = 0;
  uint64_t length = 0;
  std::string bytes;
  if (!memory_.load(address + kTypeAt, type) || type != types_.bytes ||
      !memory_.load(address + kSizeAt, length) || length > kMostLineBytes) {
    return bytes;
  }
  bytes.resize(length);
  if (!memory_.read(address + layout_.bytes, bytes.data(), length)) bytes.clear();
  return bytes;
}

}  // namespace mla
