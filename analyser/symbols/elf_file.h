// An ELF file opened for reading, closed with the object.
#pragma once

#include <elfutils/libdw.h>
#include <libelf.h>

#include <cstdint>
#include <memory>
#include <string>

namespace mla {

class ElfFile {
 public:
  // Null if the path names no regular file, or it is no ELF file.
  static std::unique_ptr<ElfFile> open(const std::string& path);
  ~ElfFile();
  ElfFile(const ElfFile&) = delete;
  ElfFile& operator=(const ElfFile&) = delete;

  Elf* elf() const { return elf_; }
  const std::string& path() const { return path_; }
  std::string build_id() const;  // lower-case hex; empty: none
  bool has_section(const std::string& name) const;
  bool has_debug_info() const;
  // Of the whole file, as .gnu_debuglink names a debug file by.
  uint32_t checksum() const;

  // False once somebody cut it short, as copying over a library does: it is mapped, reading on
  // would end in SIGBUS.
  bool is_whole() const;

  // Null if the file has no DWARF. Lives as long as this object.
  Dwarf* dwarf();

 private:
  ElfFile(std::string path, int fd, int64_t size, Elf* elf);

  std::string path_;
  int fd_;
  int64_t size_;  // when it was opened
  Elf* elf_;
  Dwarf* dwarf_ = nullptr;
  bool dwarf_tried_ = false;
};

std::string to_hex(const void* bytes, size_t count);

}  // namespace mla
