#include "hooks/elf_symbols.h"

#include <dlfcn.h>
#include <elf.h>

namespace mla {

namespace {

// An array in a loaded file, as far as it can be read.
template <class T>
class Array {
 public:
  Array() = default;
  explicit Array(uintptr_t at) : at_(at) {
    const AddressRange part = readable_around(at);
    if (part.holds(at)) count_ = (part.high - at) / sizeof(T);
  }
  bool empty() const { return count_ == 0; }
  uint64_t count() const { return count_; }
  // Zeros beyond the end.
  T operator[](uint64_t i) const {
    T value{};
    if (i < count_) {
      __builtin_memcpy(&value, reinterpret_cast<const void*>(at_ + i * sizeof(T)), sizeof value);
    }
    return value;
  }

 private:
  uintptr_t at_ = 0;
  uint64_t count_ = 0;
};

struct Tables {
  Array<ElfW(Sym)> symbols;
  Array<char> strings;
  Array<uint32_t> gnu_hash;
  Array<uint32_t> sysv_hash;
  Array<ElfW(Half)> versions;
};

Tables tables_of(const struct link_map* object) {
  Tables t;
  for (const ElfW(Dyn)* d = object->l_ld; d != nullptr && d->d_tag != DT_NULL; ++d) {
    // glibc relocates these in place, but not those of the vDSO.
    uintptr_t at = d->d_un.d_ptr;
    if (at < object->l_addr) at += object->l_addr;
    switch (d->d_tag) {
      case DT_SYMTAB:
        t.symbols = Array<ElfW(Sym)>(at);
        break;
      case DT_STRTAB:
        t.strings = Array<char>(at);
        break;
      case DT_GNU_HASH:
        t.gnu_hash = Array<uint32_t>(at);
        break;
      case DT_HASH:
        t.sysv_hash = Array<uint32_t>(at);
        break;
      case DT_VERSYM:
        t.versions = Array<ElfW(Half)>(at);
        break;
      default:
        break;
    }
  }
  return t;
}

bool is_named(const Tables& t, uint64_t string, const char* name) {
  for (uint64_t i = 0;; ++i) {
    if (t.strings[string + i] != name[i] || string + i >= t.strings.count()) return false;
    if (name[i] == 0) return true;
  }
}

// The symbol, if it defines the name.
bool is_definition(const Tables& t, uint64_t i, const char* name, ElfW(Sym) & out) {
  constexpr ElfW(Half) kHiddenVersion = 0x8000;
  const ElfW(Sym) s = t.symbols[i];
  const unsigned binding = ELF64_ST_BIND(s.st_info);
  if (s.st_shndx == SHN_UNDEF || s.st_value == 0 ||
      (binding != STB_GLOBAL && binding != STB_WEAK && binding != STB_GNU_UNIQUE) ||
      (t.versions[i] & kHiddenVersion) != 0 || !is_named(t, s.st_name, name)) {
    return false;
  }
  out = s;
  return true;
}

bool find_by_gnu_hash(const Tables& t, const char* name, ElfW(Sym) & out) {
  uint32_t hash = 5381;
  for (const char* c = name; *c != 0; ++c) hash = hash * 33 + static_cast<uint8_t>(*c);
  const uint32_t buckets = t.gnu_hash[0];
  const uint32_t first = t.gnu_hash[1];
  const uint64_t bloom_words = t.gnu_hash[2];
  if (buckets == 0) return false;
  const uint64_t bucket = 4 + bloom_words * (sizeof(ElfW(Addr)) / sizeof(uint32_t));
  const uint64_t chain = bucket + buckets;
  uint32_t i = t.gnu_hash[bucket + hash % buckets];
  if (i < first) return false;
  for (; chain + (i - first) < t.gnu_hash.count(); ++i) {
    const uint32_t its = t.gnu_hash[chain + (i - first)];
    if ((its | 1) == (hash | 1) && is_definition(t, i, name, out)) return true;
    if ((its & 1) != 0) return false;
  }
  return false;
}

bool find_by_sysv_hash(const Tables& t, const char* name, ElfW(Sym) & out) {
  const uint32_t count = t.sysv_hash[1];
  for (uint32_t i = 0; i < count && i < t.symbols.count(); ++i) {
    if (is_definition(t, i, name, out)) return true;
  }
  return false;
}

bool find(const struct link_map* object, const char* name, ElfW(Sym) & out) {
  // A list that is walked while another thread unloads a library may lead to one that is gone.
  if (object == nullptr || object_of(object->l_ld) != object) return false;
  const Tables t = tables_of(object);
  return t.gnu_hash.empty() ? find_by_sysv_hash(t, name, out) : find_by_gnu_hash(t, name, out);
}

}  // namespace

const struct link_map* first_object() { return _r_debug.r_map; }

void* find_function(const struct link_map* object, const char* name) {
  ElfW(Sym) s;
  // An indirect function would need its resolver run; none of what mla looks for is one.
  if (!find(object, name, s) || ELF64_ST_TYPE(s.st_info) != STT_FUNC) return nullptr;
  return reinterpret_cast<void*>(object->l_addr + s.st_value);
}

void* find_symbol(const struct link_map* object, const char* name) {
  ElfW(Sym) s;
  return find(object, name, s) ? reinterpret_cast<void*>(object->l_addr + s.st_value) : nullptr;
}

const struct link_map* find_definer(const struct link_map* after, const char* name) {
  for (const struct link_map* o = after == nullptr ? first_object() : after->l_next; o != nullptr;
       o = o->l_next) {
    if (find_function(o, name) != nullptr) return o;
  }
  return nullptr;
}

const struct link_map* object_of(const void* address) {
  struct dl_find_object found;
  return _dl_find_object(const_cast<void*>(address), &found) == 0 ? found.dlfo_link_map : nullptr;
}

AddressRange range_of(const struct link_map* object) {
  struct dl_find_object found;
  if (object == nullptr ||
      _dl_find_object(reinterpret_cast<void*>(const_cast<ElfW(Dyn)*>(object->l_ld)), &found) != 0) {
    return {};
  }
  return {reinterpret_cast<uintptr_t>(found.dlfo_map_start),
          reinterpret_cast<uintptr_t>(found.dlfo_map_end)};
}

}  // namespace mla
