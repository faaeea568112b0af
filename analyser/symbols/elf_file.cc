#include "symbols/elf_file.h"

#include <elfutils/libdwelf.h>
#include <fcntl.h>
#include <gelf.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <utility>
#include <vector>

namespace mla {

std::unique_ptr<ElfFile> ElfFile::open(const std::string& path) {
  static const bool kReady = elf_version(EV_CURRENT) != EV_NONE;
  // A recording may name any path: only a regular file is opened for good.
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) return nullptr;
  struct stat status {};
  Elf* elf = nullptr;
  if (kReady && fstat(fd, &status) == 0 && S_ISREG(status.st_mode)) {
    elf = elf_begin(fd, ELF_C_READ_MMAP, nullptr);
  }
  if (elf == nullptr || elf_kind(elf) != ELF_K_ELF) {
    elf_end(elf);
    close(fd);
    return nullptr;
  }
  return std::unique_ptr<ElfFile>(new ElfFile(path, fd, status.st_size, elf));
}

ElfFile::ElfFile(std::string path, int fd, int64_t size, Elf* elf)
    : path_(std::move(path)), fd_(fd), size_(size), elf_(elf) {}

ElfFile::~ElfFile() {
  dwarf_end(dwarf_);
  elf_end(elf_);
  close(fd_);
}

std::string ElfFile::build_id() const {
  const void* bytes = nullptr;
  const ssize_t count = dwelf_elf_gnu_build_id(elf_, &bytes);
  return count > 0 ? to_hex(bytes, static_cast<size_t>(count)) : "";
}

bool ElfFile::has_section(const std::string& name) const {
  size_t names = 0;
  if (elf_getshdrstrndx(elf_, &names) != 0) return false;
  for (Elf_Scn* section = nullptr; (section = elf_nextscn(elf_, section)) != nullptr;) {
    GElf_Shdr header;
    if (gelf_getshdr(section, &header) == nullptr || header.sh_type == SHT_NOBITS) continue;
    const char* its_name = elf_strptr(elf_, names, header.sh_name);
    if (its_name != nullptr && name == its_name) return true;
  }
  return false;
}

bool ElfFile::has_debug_info() const {
  return has_section(".debug_info") || has_section(".zdebug_info");
}

uint32_t ElfFile::checksum() const {
  std::vector<unsigned char> buffer(64 * 1024);
  uLong sum = crc32(0, nullptr, 0);
  off_t offset = 0;
  for (;;) {
    const ssize_t n = pread(fd_, buffer.data(), buffer.size(), offset);
    if (n <= 0) return static_cast<uint32_t>(sum);
    sum = crc32(sum, buffer.data(), static_cast<uInt>(n));
    offset += n;
  }
}

bool ElfFile::is_whole() const {
  struct stat status {};
  return fstat(fd_, &status) == 0 && status.st_size >= size_;
}

Dwarf* ElfFile::dwarf() {
  if (!dwarf_tried_) {
    dwarf_tried_ = true;
    dwarf_ = dwarf_begin_elf(elf_, DWARF_C_READ, nullptr);
  }
  return dwarf_;
}

std::string to_hex(const void* bytes, size_t count) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (size_t i = 0; i < count; ++i) {
    const auto byte = static_cast<const unsigned char*>(bytes)[i];
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

}  // namespace mla
