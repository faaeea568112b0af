#include "hooks/elf_symbols.h"

#include <dlfcn.h>
#include <elf.h>

#include "segment/text.h"

namespace mla {

namespace {

struct Tables {
  const ElfW(Sym) * symbols = nullptr;
  const char* strings = nullptr;
  const uint32_t* gnu_hash = nullptr;
  const uint32_t* sysv_hash = nullptr;
  const ElfW(Half) * versions = nullptr;
};

Tables tables_of(const struct link_map* object) {
  Tables t;
  for (const ElfW(Dyn)* d = object->l_ld; d != nullptr && d->d_tag != DT_NULL; ++d) {
    // glibc relocates these in place, but not those of the vDSO.
    uintptr_t at = d->d_un.d_ptr;
    if (at < object->l_addr) at += object->l_addr;
    switch (d->d_tag) {
      case DT_SYMTAB:
        t.symbols = reinterpret_cast<const ElfW(Sym)*>(at);
        break;
      case DT_STRTAB:
        t.strings = reinterpret_cast<const char*>(at);
        break;
      case DT_GNU_HASH:
        t.gnu_hash = reinterpret_cast<const uint32_t*>(at);
        break;
      case DT_HASH:
        t.sysv_hash = reinterpret_cast<const uint32_t*>(at);
        break;
      case DT_VERSYM:
        t.versions = reinterpret_cast<const ElfW(Half)*>(at);
        break;
      default:
        break;
    }
  }
  return t;
}

bool is_definition(const Tables& t, uint32_t i, const char* name) {
  constexpr ElfW(Half) kHiddenVersion = 0x8000;
  const ElfW(Sym)& s = t.symbols[i];
  const unsigned binding = ELF64_ST_BIND(s.st_info);
  return s.st_shndx != SHN_UNDEF && s.st_value != 0 &&
         (binding == STB_GLOBAL || binding == STB_WEAK || binding == STB_GNU_UNIQUE) &&
         (t.versions == nullptr || (t.versions[i] & kHiddenVersion) == 0) &&
         same_text(t.strings + s.st_name, name);
}

const ElfW(Sym) * find_by_gnu_hash(const Tables& t, const char* name) {
  uint32_t hash = 5381;
  for (const char* c = name; *c != 0; ++c) hash = hash * 33 + static_cast<uint8_t>(*c);
  const uint32_t buckets = t.gnu_hash[0];
  const uint32_t first = t.gnu_hash[1];
  const uint32_t bloom_words = t.gnu_hash[2];
  const uint32_t* bucket =
      t.gnu_hash + 4 + static_cast<size_t>(bloom_words) * (sizeof(ElfW(Addr)) / sizeof(uint32_t));
  const uint32_t* chain = bucket + buckets;
  if (buckets == 0) return nullptr;
  uint32_t i = bucket[hash % buckets];
  if (i < first) return nullptr;
  for (;; ++i) {
    const uint32_t its = chain[i - first];
    if ((its | 1) == (hash | 1) && is_definition(t, i, name)) return &t.symbols[i];
    if ((its & 1) != 0) return nullptr;
  }
}

const ElfW(Sym) * find_by_sysv_hash(const Tables& t, const char* name) {
  const uint32_t count = t.sysv_hash[1];
  for (uint32_t i = 0; i < count; ++i) {
    if (is_definition(t, i, name)) return &t.symbols[i];
  }
  return nullptr;
}

const ElfW(Sym) * find(const struct link_map* object, const char* name) {
  // A list that is walked while another thread unloads a library may lead to one that is gone.
  if (object == nullptr || object_of(object->l_ld) != object) return nullptr;
  const Tables t = tables_of(object);
  if (t.symbols == nullptr || t.strings == nullptr) return nullptr;
  if (t.gnu_hash != nullptr) return find_by_gnu_hash(t, name);
  return t.sysv_hash != nullptr ? find_by_sysv_hash(t, name) : nullptr;
}

}  // namespace

const struct link_map* first_object() { return _r_debug.r_map; }

void* find_function(const struct link_map* object, const char* name) {
  const ElfW(Sym)* s = find(object, name);
  // An indirect function would need its resolver run; none of what mla looks for is one.
  if (s == nullptr || ELF64_ST_TYPE(s->st_info) != STT_FUNC) return nullptr;
  return reinterpret_cast<void*>(object->l_addr + s->st_value);
}

void* find_symbol(const struct link_map* object, const char* name) {
  const ElfW(Sym)* s = find(object, name);
  return s == nullptr ? nullptr : reinterpret_cast<void*>(object->l_addr + s->st_value);
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
