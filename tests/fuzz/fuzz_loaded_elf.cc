// Any ELF file that the loader would load, under the parts of the preload that read the tables of
// loaded files: call frame information, the dynamic symbol table, the build-id. They say nothing or
// something, and read nothing outside of what is mapped readable.
#include <dlfcn.h>
#include <elf.h>
#include <link.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "capture/unwind_rule.h"
#include "fuzz/require.h"
#include "hooks/elf_symbols.h"
#include "segment/module_log.h"

#if defined(__SANITIZE_ADDRESS__)
#define MLA_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MLA_ASAN 1
#endif
#endif
#ifdef MLA_ASAN
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, bytes) static_cast<void>(0)
#define ASAN_UNPOISON_MEMORY_REGION(address, bytes) static_cast<void>(0)
#endif

namespace {

constexpr size_t kPage = 4096;
constexpr size_t kMostImageBytes = 1 << 20;

// The file in memory as the loader maps it, with the same conditions.
class LoadedFile {
 public:
  LoadedFile(const uint8_t* data, size_t size) : data_(data), size_(size) { loaded_ = load(); }
  ~LoadedFile() {
    ASAN_UNPOISON_MEMORY_REGION(memory_.data(), memory_.size());
    shown = nullptr;
  }
  LoadedFile(const LoadedFile&) = delete;
  LoadedFile& operator=(const LoadedFile&) = delete;

  bool loaded() const { return loaded_; }
  const struct link_map* object() const { return &object_; }
  uintptr_t low() const { return reinterpret_cast<uintptr_t>(start_); }
  uintptr_t high() const { return low() + bytes_; }

  int find(const void* address, struct dl_find_object* out) const {
    const auto wanted = reinterpret_cast<uintptr_t>(address);
    if (wanted < low() || wanted >= high()) return -1;
    *out = {};
    out->dlfo_map_start = start_;
    out->dlfo_map_end = start_ + bytes_;
    out->dlfo_link_map = const_cast<struct link_map*>(&object_);
    out->dlfo_eh_frame = eh_frame_;
    return 0;
  }

  static const LoadedFile* shown;  // the one that _dl_find_object knows

 private:
  bool load();
  bool readable(uint64_t address, size_t bytes) const {
    return std::any_of(parts_.begin(), parts_.end(), [&](const Elf64_Phdr& part) {
      return (part.p_flags & PF_R) != 0 && address >= part.p_vaddr &&
             address - part.p_vaddr <= part.p_memsz &&
             bytes <= part.p_memsz - (address - part.p_vaddr);
    });
  }
  bool place_dynamic(const Elf64_Phdr& header);

  const uint8_t* data_;
  size_t size_;
  std::vector<Elf64_Phdr> parts_;
  std::vector<uint8_t> memory_;
  uint8_t* start_ = nullptr;
  size_t bytes_ = 0;
  void* eh_frame_ = nullptr;
  struct link_map object_ {};
  bool loaded_ = false;
};

const LoadedFile* LoadedFile::shown = nullptr;

bool LoadedFile::load() {
  Elf64_Ehdr header;
  if (size_ < sizeof header) return false;
  std::memcpy(&header, data_, sizeof header);
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
      header.e_phentsize != sizeof(Elf64_Phdr) || header.e_phoff > size_ ||
      header.e_phnum * sizeof(Elf64_Phdr) > size_ - header.e_phoff) {
    return false;
  }
  std::vector<Elf64_Phdr> all(header.e_phnum);
  for (size_t i = 0; i < all.size(); ++i) {
    std::memcpy(&all[i], data_ + header.e_phoff + i * sizeof all[i], sizeof all[i]);
  }
  for (const Elf64_Phdr& part : all) {
    if (part.p_type != PT_LOAD) continue;
    const bool fits = part.p_offset <= size_ && part.p_filesz <= size_ - part.p_offset &&
                      part.p_filesz <= part.p_memsz && part.p_memsz <= kMostImageBytes &&
                      part.p_vaddr <= kMostImageBytes;
    const uint64_t below = parts_.empty() ? 0 : parts_.back().p_vaddr + parts_.back().p_memsz;
    if (!fits || part.p_vaddr < below || (part.p_vaddr - part.p_offset) % kPage != 0) return false;
    parts_.push_back(part);
  }
  // Files whose program headers are elsewhere are read as one readable whole: readable_part().
  const uint64_t headers_end = header.e_phoff + header.e_phnum * sizeof(Elf64_Phdr);
  if (parts_.empty() || parts_[0].p_offset >= kPage || headers_end > kPage ||
      parts_[0].p_offset + parts_[0].p_filesz < headers_end) {
    return false;
  }
  const uint64_t lowest = parts_[0].p_vaddr / kPage * kPage;
  bytes_ = parts_.back().p_vaddr + parts_.back().p_memsz - lowest;
  memory_.resize(bytes_ + 2 * kPage);
  start_ = memory_.data() + (kPage - reinterpret_cast<uintptr_t>(memory_.data()) % kPage) % kPage;
  object_.l_addr = reinterpret_cast<uintptr_t>(start_) - lowest;
  ASAN_POISON_MEMORY_REGION(memory_.data(), memory_.size());
  ASAN_UNPOISON_MEMORY_REGION(start_, kPage);  // with the headers, and mapped whole
  for (const Elf64_Phdr& part : parts_) {
    if ((part.p_flags & PF_R) == 0) continue;
    // From the beginning of the page, as mapped: the file is there, too.
    const uint64_t before = std::min<uint64_t>(part.p_vaddr % kPage, part.p_offset);
    auto* to = reinterpret_cast<uint8_t*>(object_.l_addr + part.p_vaddr - before);
    ASAN_UNPOISON_MEMORY_REGION(to, part.p_memsz + before);
    std::memcpy(to, data_ + part.p_offset - before, part.p_filesz + before);
  }
  // 64 bytes of ELF header and then nothing is no file that anybody loads.
  if (!readable(lowest, sizeof header)) return false;
  for (const Elf64_Phdr& part : all) {
    // The loader believes where it is.
    if (part.p_type == PT_GNU_EH_FRAME) {
      eh_frame_ = reinterpret_cast<void*>(object_.l_addr + part.p_vaddr);
    }
    if (part.p_type == PT_DYNAMIC && !place_dynamic(part)) return false;
  }
  return true;
}

// The loader itself reads it to its end.
bool LoadedFile::place_dynamic(const Elf64_Phdr& header) {
  for (uint64_t at = header.p_vaddr; readable(at, sizeof(Elf64_Dyn)); at += sizeof(Elf64_Dyn)) {
    Elf64_Dyn entry;
    std::memcpy(&entry, reinterpret_cast<const void*>(object_.l_addr + at), sizeof entry);
    if (entry.d_tag != DT_NULL) continue;
    object_.l_ld = reinterpret_cast<Elf64_Dyn*>(object_.l_addr + header.p_vaddr);
    return header.p_vaddr % alignof(Elf64_Dyn) == 0;
  }
  return false;
}

}  // namespace

// In place of the C library's, for the code under test and, passed on, for everybody else.
extern "C" int _dl_find_object(void* address, struct dl_find_object* out) noexcept {
  if (LoadedFile::shown != nullptr && LoadedFile::shown->find(address, out) == 0) return 0;
  static const auto kReal =
      reinterpret_cast<decltype(&_dl_find_object)>(dlsym(RTLD_NEXT, "_dl_find_object"));
  return kReal(address, out);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const LoadedFile file(data, size);
  if (!file.loaded()) return 0;
  LoadedFile::shown = &file;
  constexpr uintptr_t kStep = 13;
  const uintptr_t step = std::max<uintptr_t>(kStep, (file.high() - file.low()) / 512);
  for (uintptr_t pc = file.low(); pc < file.high(); pc += step) {
    const mla::UnwindRule rule = mla::compute_rule(pc);
    MLA_REQUIRE(rule.kind != mla::RuleKind::kNone && rule.kind <= mla::RuleKind::kNoInfo);
  }
  if (file.object()->l_ld != nullptr) {
    MLA_REQUIRE(mla::object_of(file.object()->l_ld) == file.object());
    for (const char* name :
         {"malloc", "free", "work", "Py_GetVersion", "", "_ZnwmSt11align_val_t"}) {
      mla::find_function(file.object(), name);
      mla::find_symbol(file.object(), name);
    }
  }
  uint8_t build_id[20];
  const uint32_t bytes =
      mla::read_build_id(reinterpret_cast<const void*>(file.low()), build_id, sizeof build_id);
  MLA_REQUIRE(bytes <= sizeof build_id);
  return 0;
}
