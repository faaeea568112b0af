#include "reader/core.h"

#include <unistd.h>

#include <cstddef>
#include <cstring>

#include "format/format.h"

namespace mla {

namespace {

constexpr uint64_t kMostSegments = 1 << 20;

template <class T>
bool load(int fd, uint64_t offset, T& value) {
  return pread(fd, &value, sizeof value, static_cast<off_t>(offset)) ==
         static_cast<ssize_t>(sizeof value);
}

}  // namespace

std::vector<Elf64_Phdr> core_segments(int fd) {
  Elf64_Ehdr header;
  if (!load(fd, 0, header) || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
      header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB ||
      header.e_type != ET_CORE || header.e_machine != EM_X86_64 ||
      header.e_phentsize != sizeof(Elf64_Phdr)) {
    return {};
  }
  uint64_t count = header.e_phnum;
  Elf64_Shdr first;
  // The true number stands in the first section's header when it is too large for its field.
  if (count == PN_XNUM && load(fd, header.e_shoff, first)) count = first.sh_info;
  if (count > kMostSegments) return {};
  std::vector<Elf64_Phdr> segments(count);
  const uint64_t bytes = count * sizeof(Elf64_Phdr);
  if (pread(fd, segments.data(), bytes, static_cast<off_t>(header.e_phoff)) !=
      static_cast<ssize_t>(bytes)) {
    return {};
  }
  return segments;
}

std::optional<CorePart> find_recording_in_core(int fd, const std::vector<Elf64_Phdr>& segments) {
  std::optional<CorePart> found;
  uint64_t latest = 0;
  for (const Elf64_Phdr& segment : segments) {
    uint64_t magic = 0;
    uint64_t start = 0;
    if (segment.p_type != PT_LOAD || segment.p_filesz < format::kBlockBytes ||
        !load(fd, segment.p_offset, magic) || magic != format::kMagic ||
        !load(fd, segment.p_offset + offsetof(format::SegmentHeader, start_realtime_ns), start)) {
      continue;
    }
    if (found && start <= latest) continue;
    latest = start;
    found = CorePart{segment.p_offset, segment.p_filesz};
  }
  return found;
}

std::string recording_named_in_core(int fd, const std::vector<Elf64_Phdr>& segments) {
  constexpr uint64_t kMostNoteBytes = 64 << 20;
  for (const Elf64_Phdr& segment : segments) {
    if (segment.p_type != PT_NOTE || segment.p_filesz > kMostNoteBytes) continue;
    std::string notes(segment.p_filesz, '\0');
    if (pread(fd, notes.data(), notes.size(), static_cast<off_t>(segment.p_offset)) !=
        static_cast<ssize_t>(notes.size())) {
      continue;
    }
    // Names end with a NUL and stand one after the other: no need to know what is before them.
    const size_t end = notes.find(std::string(".mla\0", 5));
    if (end == std::string::npos) continue;
    const size_t begin = notes.rfind('\0', end);
    return notes.substr(begin + 1, end + 4 - (begin + 1));
  }
  return "";
}

}  // namespace mla
