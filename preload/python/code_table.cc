#include "python/code_table.h"

#include <atomic>

#include "capture/id_index.h"
#include "python/memory.h"
#include "python/text.h"
#include "segment/own_memory.h"
#include "segment/segment.h"

namespace mla {

CodeDeaths code_deaths;

namespace {

using format::BytesRef;
using format::PythonCodeId;
using format::PythonCodeRecord;
using format::PythonLines;
using format::Table;

constexpr auto kRelaxed = std::memory_order_relaxed;
using Deallocate = void (*)(uintptr_t);
constexpr uint64_t kMostCodes = format::shape(Table::kPythonCode).max_records();
constexpr uint64_t kMostLines = 1 << 20;  // bytes of one line table; no room for a longer one

PythonLayout layout;
PythonTypes types;
uint64_t* contents_hashes;  // by id
constinit IdIndex by_contents{};
Deallocate deallocate;  // the type's own

// tag:40 | id:24. The tag is of address and deaths, and so is the place: what is 54 bits alike is
// taken to be the same.
constexpr uint32_t kCacheBits = 14;
std::atomic<uint64_t>* cache;

// Files of many code objects are the same: where they were stored.
constexpr uint32_t kFileBits = 8;
std::atomic<BytesRef> stored_files[1 << kFileBits];

uint64_t mix(uint64_t a, uint64_t b) {
  uint64_t m = (a ^ b) * 0x9e3779b97f4a7c15ULL;
  m ^= m >> 32;
  return m * 0xd6e8feb86659fd93ULL;
}

uint64_t hash_bytes(const char* bytes, uint64_t length, uint64_t hash) {
  for (; length >= 8; bytes += 8, length -= 8) {
    uint64_t word;
    __builtin_memcpy(&word, bytes, 8);
    hash = mix(hash, word);
  }
  uint64_t word = 0;
  __builtin_memcpy(&word, bytes, length);
  return mix(mix(hash, word), length);
}

bool is_stored(BytesRef ref, const char* bytes, uint64_t length) {
  if ((ref & 0xffffffff) != length) return false;
  for (uint64_t i = 0; i < length; ++i) {
    const char* stored = segment.record<char>(Table::kPythonBytes, (ref >> 32) + i);
    if (stored == nullptr || *stored != bytes[i]) return false;
  }
  return true;
}

bool store_file(const char* file, uint64_t length, BytesRef& to) {
  std::atomic<BytesRef>& known = stored_files[hash_bytes(file, length, 0) >> (64 - kFileBits)];
  to = known.load(std::memory_order_acquire);  // release below
  if (to != 0 && is_stored(to, file, length)) return true;
  if (!segment.store_bytes(Table::kPythonBytes, file, length, to)) return false;
  known.store(to, std::memory_order_release);
  return true;
}

struct Contents {
  char file[1024];
  char function[512];
  uint64_t file_length;
  uint64_t function_length;
  uint32_t first_line;
  const char* lines;
  uint64_t lines_length;
  bool internal;  // none of its instructions is the program's
};

bool read_contents(uintptr_t code, Contents& c) {
  CheckedMemory memory;
  uintptr_t type = 0;
  uint32_t traceable = 0;
  uint64_t units = 0;
  uintptr_t file = 0;
  uintptr_t function = 0;
  uintptr_t lines = 0;
  if (!memory.load(code + kTypeAt, type) || type != types.code ||
      !memory.load(code + layout.file, file) || !memory.load(code + layout.name, function) ||
      !memory.load(code + layout.lines, lines) ||
      !memory.load(code + layout.first_line, c.first_line)) {
    return false;
  }
  if (layout.traceable != PythonLayout::kAbsent &&
      (!memory.load(code + layout.traceable, traceable) || !memory.load(code + kSizeAt, units))) {
    return false;
  }
  c.internal = layout.traceable != PythonLayout::kAbsent && traceable >= units;
  const PythonText text(layout, types.text);
  if (!text.read(file, c.file, sizeof c.file, c.file_length) ||
      !text.read(function, c.function, sizeof c.function, c.function_length)) {
    return false;
  }
  c.lines = nullptr;
  c.lines_length = 0;
  uint64_t length = 0;
  if (memory.load(lines + kTypeAt, type) && type == types.bytes &&
      memory.load(lines + kSizeAt, length) && length <= kMostLines &&
      memory.is_readable(lines + layout.bytes, length)) {
    c.lines = reinterpret_cast<const char*>(lines + layout.bytes);
    c.lines_length = length;
  }
  return true;
}

PythonCodeId add_code(const Contents& c, uint64_t hash) {
  const uint64_t id = segment.claim(Table::kPythonCode);
  if (id == Segment::kNoRecord) return PythonCodeId::kNone;
  PythonCodeRecord* r = segment.record<PythonCodeRecord>(Table::kPythonCode, id);
  constexpr uint64_t kHashesPerPage = 4096 / sizeof(uint64_t);
  if (id % kHashesPerPage == 0) own_private_bytes.fetch_add(4096, kRelaxed);
  contents_hashes[id] = hash;
  // What finds no room is missing, no more.
  bool whole = store_file(c.file, c.file_length, r->file);
  whole &= segment.store_bytes(Table::kPythonBytes, c.function, c.function_length, r->function);
  whole &= segment.store_bytes(Table::kPythonBytes, c.lines, c.lines_length, r->lines);
  if (!whole) segment.count_loss(format::Loss::kPythonCodeFull);
  r->first_line = c.first_line;
  const PythonLines lines = r->lines == 0 ? PythonLines::kNone : layout.lines_format;
  // Release: acquired by the reader, and through the id by other threads.
  r->lines_format.store(static_cast<uint32_t>(lines), std::memory_order_release);
  by_contents.add(static_cast<uint32_t>(hash >> 32), static_cast<uint32_t>(id));
  return PythonCodeId{static_cast<uint32_t>(id)};
}

__attribute__((noinline)) PythonCodeId find_by_contents(uintptr_t code) {
  Contents c;
  if (!read_contents(code, c)) return PythonCodeId::kNone;
  if (c.internal) return kInternalCode;
  uint64_t hash = hash_bytes(c.file, c.file_length, c.first_line);
  hash = hash_bytes(c.function, c.function_length, hash);
  hash = hash_bytes(c.lines, c.lines_length, hash);
  const uint32_t known = by_contents.find(static_cast<uint32_t>(hash >> 32),
                                          [&](uint32_t id) { return contents_hashes[id] == hash; });
  return known != IdIndex::kNone ? PythonCodeId{known} : add_code(c, hash);
}

// Runs whenever a code object dies, in place of what the type says, which it then calls.
void count_death(uintptr_t code) {
  code_deaths.count(code);
  deallocate(code);
}

void watch_deaths() {
  constexpr uint32_t kDeallocAt = 48;  // PyTypeObject::tp_dealloc
  auto* slot = reinterpret_cast<std::atomic<Deallocate>*>(types.code + kDeallocAt);
  const Deallocate found = slot->load(kRelaxed);
  if (found == count_death) return;
  deallocate = found;
  slot->store(count_death, std::memory_order_release);
}

}  // namespace

bool open_code_table(const PythonLayout& its_layout, const PythonTypes& its_types) {
  layout = its_layout;
  types = its_types;
  if (cache == nullptr) {
    cache = static_cast<std::atomic<uint64_t>*>(own_map(sizeof(uint64_t) << kCacheBits));
  }
  if (contents_hashes == nullptr) {
    contents_hashes = static_cast<uint64_t*>(own_reserve(kMostCodes * sizeof(uint64_t)));
  }
  if (cache == nullptr || contents_hashes == nullptr) return false;
  watch_deaths();
  return true;
}

PythonCodeId code_id_of(uintptr_t address, uint32_t deaths) {
  const uint64_t key = mix(address, uint64_t{deaths} << 48 ^ deaths);
  std::atomic<uint64_t>& entry = cache[key >> (64 - kCacheBits)];
  const uint64_t seen = entry.load(std::memory_order_acquire);  // release below
  constexpr uint64_t kTag = ~uint64_t{0} << 24;
  if (__builtin_expect(((seen ^ key << kCacheBits) & kTag) == 0 && seen != 0, 1)) {
    return PythonCodeId{static_cast<uint32_t>(seen & ~kTag)};
  }
  const PythonCodeId id = find_by_contents(address);
  if (id == PythonCodeId::kNone) {
    segment.count_loss(format::Loss::kPythonCodeFull);
    return id;
  }
  entry.store((key << kCacheBits & kTag) | format::index(id), std::memory_order_release);
  return id;
}

void reset_code_table_after_fork() { by_contents.reset_after_fork(); }

}  // namespace mla
