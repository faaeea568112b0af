#include "segment/module_log.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>

#include <atomic>

#include "segment/own_memory.h"
#include "segment/segment.h"
#include "segment/sys.h"
#include "segment/text.h"

namespace mla {

void (*module_appeared)(const struct link_map* object) = nullptr;

namespace {

using format::Loss;
using format::ModuleId;
using format::ModuleRecord;
using format::Table;

enum ModuleState : uint32_t { kUnpublished = 0, kLoaded = 1, kUnloaded = 2 };

uint64_t module_count() {
  return segment.header().claimed[static_cast<uint32_t>(Table::kModules)].load(
      std::memory_order_acquire);
}

ModuleRecord* loaded_module(uint64_t i) {
  ModuleRecord* m = segment.record<ModuleRecord>(Table::kModules, i);
  if (m == nullptr || m->state.load(std::memory_order_acquire) != kLoaded) return nullptr;
  return m;
}

// The module last found for addresses like this one; only a hint, checked against the record. New
// stacks come in thousands from a few modules of hundreds.
std::atomic<uint32_t> hints[64];
std::atomic<uint32_t>& hint_for(uint64_t pc) {
  return hints[((pc >> 16) * 0x9e3779b97f4a7c15ULL) >> 58];
}

bool is_in(const ModuleRecord* m, uint64_t pc) {
  return m != nullptr && pc >= m->start && pc < m->end;
}

// Path of an object as the loader knows it. The main program has an empty name there. What has to
// be put together is not on the stack, which may be a small one, and is rare.
uint64_t store_path(const struct link_map* object) {
  constexpr uint64_t kCapacity = 2048;
  if (object == nullptr || object->l_name == nullptr) return 0;
  const char* name = object->l_name;
  if (name[0] == '/' || starts_with(name, "linux-vdso") || starts_with(name, "linux-gate")) {
    return segment.store_string(name, text_length(name));
  }
  char* path = own_new<char>(kCapacity);
  if (path == nullptr) return segment.store_string(name, text_length(name));
  if (name[0] == 0) return segment.store_string(path, read_exe_path(path, kCapacity));
  const long n = sys::getcwd(path, kCapacity);
  const uint64_t at = n > 1 ? static_cast<uint64_t>(n) - 1 : 0;
  Text rest(path + at, kCapacity - at);
  if (at != 0) rest.add_char('/');
  return segment.store_string(path, at + rest.add(name).length());
}

// From anywhere in a file: what it says of itself may stand at odd addresses.
template <class T>
T load(const char* at) {
  T value;
  __builtin_memcpy(&value, at, sizeof value);
  return value;
}

// The record of a file that was unloaded and is back at the same place.
ModuleId find_reloaded(const struct dl_find_object& found) {
  uint8_t build_id[sizeof(ModuleRecord::build_id)];
  const uint32_t bytes = read_build_id(found.dlfo_map_start, build_id, sizeof build_id);
  const uint64_t count = module_count();
  for (uint64_t i = 1; bytes != 0 && i < count; ++i) {
    ModuleRecord* m = segment.record<ModuleRecord>(Table::kModules, i);
    if (m == nullptr || m->state.load(std::memory_order_acquire) != kUnloaded ||
        m->start != reinterpret_cast<uint64_t>(found.dlfo_map_start) ||
        m->build_id_bytes != bytes || __builtin_memcmp(m->build_id, build_id, bytes) != 0) {
      continue;
    }
    m->loader_object = reinterpret_cast<uint64_t>(found.dlfo_link_map);
    m->unload_ns.store(0, std::memory_order_relaxed);
    m->state.store(kLoaded, std::memory_order_release);  // acquired by loaded_module()
    return ModuleId{static_cast<uint32_t>(i)};
  }
  return ModuleId::kNone;
}

ModuleId add_module(const struct dl_find_object& found) {
  const ModuleId known = find_reloaded(found);
  if (known != ModuleId::kNone) {
    if (module_appeared != nullptr) module_appeared(found.dlfo_link_map);
    return known;
  }
  const uint64_t i = segment.claim(Table::kModules);
  if (i == Segment::kNoRecord) {
    segment.count_loss(Loss::kModuleTableFull);
    return ModuleId::kNone;
  }
  ModuleRecord* m = segment.record<ModuleRecord>(Table::kModules, i);
  m->start = reinterpret_cast<uint64_t>(found.dlfo_map_start);
  m->end = reinterpret_cast<uint64_t>(found.dlfo_map_end);
  m->bias = found.dlfo_link_map == nullptr ? m->start : found.dlfo_link_map->l_addr;
  m->loader_object = reinterpret_cast<uint64_t>(found.dlfo_link_map);
  m->load_ns = segment.since_start_ns();
  m->build_id_bytes = read_build_id(found.dlfo_map_start, m->build_id, sizeof m->build_id);
  m->path.store(store_path(found.dlfo_link_map), std::memory_order_relaxed);
  m->state.store(kLoaded, std::memory_order_release);  // acquired by loaded_module() and the reader
  if (module_appeared != nullptr && found.dlfo_link_map != nullptr) {
    module_appeared(found.dlfo_link_map);
  }
  return ModuleId{static_cast<uint32_t>(i)};
}

}  // namespace

uint64_t read_exe_path(char* to, uint64_t capacity) {
  const long n = sys::readlink("/proc/self/exe", to, capacity - 1);
  if (n <= 0) return 0;
  to[n] = 0;
  return static_cast<uint64_t>(n);
}

uint32_t read_build_id(const void* image, uint8_t* to, uint32_t capacity) {
  constexpr uint64_t kPage = 4096;
  const char* base = static_cast<const char*>(image);
  const auto header = load<ElfW(Ehdr)>(base);
  if (__builtin_memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
      header.e_phentsize != sizeof(ElfW(Phdr)) || header.e_phoff > kPage ||
      header.e_phoff + header.e_phnum * sizeof(ElfW(Phdr)) > kPage) {
    return 0;
  }
  const char* headers = base + header.e_phoff;
  // Only notes in the first segment, which holds the header and so is known to be mapped.
  ElfW(Phdr) first{};
  for (uint32_t i = 0; i < header.e_phnum; ++i) {
    const auto part = load<ElfW(Phdr)>(headers + i * sizeof(ElfW(Phdr)));
    if (part.p_type == PT_LOAD && (first.p_type != PT_LOAD || part.p_vaddr < first.p_vaddr)) {
      first = part;
    }
  }
  if (first.p_type != PT_LOAD) return 0;
  const uint64_t lowest = first.p_vaddr & ~(kPage - 1);
  for (uint32_t i = 0; i < header.e_phnum; ++i) {
    const auto notes = load<ElfW(Phdr)>(headers + i * sizeof(ElfW(Phdr)));
    const uint64_t begin = notes.p_vaddr - first.p_vaddr;
    if (notes.p_type != PT_NOTE || begin > first.p_filesz ||
        notes.p_memsz > first.p_filesz - begin) {
      continue;
    }
    const char* at = base + (notes.p_vaddr - lowest);
    const char* end = at + notes.p_memsz;
    while (at + sizeof(ElfW(Nhdr)) <= end) {
      const auto note = load<ElfW(Nhdr)>(at);
      const char* name = at + sizeof note;
      const char* value = name + ((note.n_namesz + 3U) & ~3U);
      if (value + note.n_descsz > end) break;
      if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 &&
          __builtin_memcmp(name, "GNU", 4) == 0) {
        const uint32_t bytes = note.n_descsz < capacity ? note.n_descsz : capacity;
        __builtin_memcpy(to, value, bytes);
        return bytes;
      }
      at = value + ((note.n_descsz + 3U) & ~3U);
    }
  }
  return 0;
}

ModuleId module_of(uint64_t pc) {
  std::atomic<uint32_t>& hint = hint_for(pc);
  const uint32_t last = hint.load(std::memory_order_relaxed);
  const uint64_t count = module_count();
  if (last != 0 && last < count && is_in(loaded_module(last), pc)) return ModuleId{last};
  for (uint32_t i = 1; i < count; ++i) {
    if (!is_in(loaded_module(i), pc)) continue;
    hint.store(i, std::memory_order_relaxed);
    return ModuleId{i};
  }
  struct dl_find_object found;
  if (_dl_find_object(reinterpret_cast<void*>(pc), &found) != 0) return ModuleId::kNone;
  return add_module(found);
}

void find_unloaded_modules(void (*gone)(uint64_t low, uint64_t high)) {
  const uint64_t count = module_count();
  for (uint64_t i = 1; i < count; ++i) {
    ModuleRecord* m = loaded_module(i);
    if (m == nullptr) continue;
    struct dl_find_object found;
    // The loader's object is compared, not read: another thread may be unloading it right now.
    const bool there = _dl_find_object(reinterpret_cast<void*>(m->start), &found) == 0 &&
                       reinterpret_cast<uint64_t>(found.dlfo_map_end) == m->end &&
                       reinterpret_cast<uint64_t>(found.dlfo_link_map) == m->loader_object;
    if (there) continue;
    m->unload_ns.store(segment.since_start_ns() | 1, std::memory_order_relaxed);
    uint32_t loaded = kLoaded;
    if (m->state.compare_exchange_strong(loaded, kUnloaded, std::memory_order_acq_rel)) {
      gone(m->start, m->end);
    }
  }
}

}  // namespace mla
