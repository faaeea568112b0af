#include "python/text.h"

#include "python/memory.h"

namespace mla {

namespace {

// Lone surrogates, which stand for bytes that were not UTF-8, are encoded like any character.
uint32_t encode_utf8(uint32_t c, char* to) {
  const auto put = [to](uint32_t i, uint32_t byte) { to[i] = static_cast<char>(byte); };
  if (c < 0x80) {
    put(0, c);
    return 1;
  }
  if (c < 0x800) {
    put(0, 0xc0 | c >> 6);
    put(1, 0x80 | (c & 0x3f));
    return 2;
  }
  if (c < 0x10000) {
    put(0, 0xe0 | c >> 12);
    put(1, 0x80 | (c >> 6 & 0x3f));
    put(2, 0x80 | (c & 0x3f));
    return 3;
  }
  put(0, 0xf0 | (c >> 18 & 7));
  put(1, 0x80 | (c >> 12 & 0x3f));
  put(2, 0x80 | (c >> 6 & 0x3f));
  put(3, 0x80 | (c & 0x3f));
  return 4;
}

}  // namespace

bool PythonText::read(uintptr_t object, char* to, uint64_t capacity, uint64_t& length) const {
  constexpr uint64_t kMost = 1 << 30;
  constexpr uint64_t kLengthAt = 16;
  constexpr uint64_t kStateAt = 32;  // interned:2, kind:3, compact:1, ascii:1
  CheckedMemory memory;
  uintptr_t type = 0;
  uint64_t characters = 0;
  length = 0;
  if (!memory.load(object + 8, type) || type != type_ ||
      !memory.load(object + kLengthAt, characters) || characters > kMost) {
    return false;
  }
  uint32_t kind = 1;
  bool ascii = true;
  if (layout_.unicode_text != PythonLayout::kAbsent) {
    uint32_t state = 0;
    if (!memory.load(object + kStateAt, state) || (state >> 5 & 1) == 0) return false;
    kind = state >> 2 & 7;
    ascii = (state >> 6 & 1) != 0;
    if (kind != 1 && kind != 2 && kind != 4) return false;
  }
  const uintptr_t text = object + (ascii ? layout_.ascii_text : layout_.unicode_text);
  const uint64_t most = characters < capacity ? characters : capacity;
  if (!memory.is_readable(text, most * kind)) return false;
  if (ascii) {
    __builtin_memcpy(to, reinterpret_cast<const char*>(text), most);
    length = most;
    return true;
  }
  for (uint64_t i = 0; i < most && length + 4 <= capacity; ++i) {
    const uint32_t c = kind == 1   ? reinterpret_cast<const uint8_t*>(text)[i]
                       : kind == 2 ? reinterpret_cast<const uint16_t*>(text)[i]
                                   : reinterpret_cast<const uint32_t*>(text)[i];
    length += encode_utf8(c, to + length);
  }
  return true;
}

}  // namespace mla
