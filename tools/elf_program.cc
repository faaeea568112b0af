#include "elf_program.h"

#include <elf.h>

#include <cstring>
#include <fstream>

namespace mla {
namespace {

constexpr uint64_t kMostBytes = 256 << 20;  // of a table; one that claims more is not believed

template <class T>
std::vector<T> read_table(std::istream& in, uint64_t offset, uint64_t bytes) {
  std::vector<T> table(bytes > kMostBytes ? 0 : bytes / sizeof(T));
  in.clear();
  in.seekg(static_cast<std::streamoff>(offset));
  in.read(reinterpret_cast<char*>(table.data()),
          static_cast<std::streamsize>(table.size() * sizeof(T)));
  if (!in) table.clear();
  return table;
}

// NUL-terminated strings, by their offset; an offset outside is the empty string.
class Strings {
 public:
  explicit Strings(std::vector<char> text) : text_(std::move(text)) { text_.push_back('\0'); }
  std::string at(uint64_t offset) const {
    return offset < text_.size() ? text_.data() + offset : "";
  }

 private:
  std::vector<char> text_;
};

class Reader {
 public:
  explicit Reader(const std::string& path) : in_(path, std::ios::binary) {}

  ElfProgram read() {
    const auto headers = read_table<Elf64_Ehdr>(in_, 0, sizeof(Elf64_Ehdr));
    if (headers.empty() || std::memcmp(headers[0].e_ident, ELFMAG, SELFMAG) != 0) return {};
    program_.is_elf = true;
    program_.is_64_bit = headers[0].e_ident[EI_CLASS] == ELFCLASS64;
    if (!program_.is_64_bit) return program_;
    for (const auto& segment :
         read_table<Elf64_Phdr>(in_, headers[0].e_phoff, headers[0].e_phnum * sizeof(Elf64_Phdr))) {
      if (segment.p_type != PT_INTERP) continue;
      program_.interpreter =
          Strings(read_table<char>(in_, segment.p_offset, segment.p_filesz)).at(0);
    }
    sections_ =
        read_table<Elf64_Shdr>(in_, headers[0].e_shoff, headers[0].e_shnum * sizeof(Elf64_Shdr));
    const Strings names = strings_of(headers[0].e_shstrndx);
    for (const Elf64_Shdr& section : sections_) {
      program_.sections.insert(names.at(section.sh_name));
      if (section.sh_type == SHT_DYNSYM || section.sh_type == SHT_SYMTAB) read_symbols(section);
      if (section.sh_type == SHT_DYNAMIC) read_libraries(section);
    }
    return program_;
  }

 private:
  Strings strings_of(size_t section) {
    if (section >= sections_.size()) return Strings({});
    return Strings(read_table<char>(in_, sections_[section].sh_offset, sections_[section].sh_size));
  }

  void read_symbols(const Elf64_Shdr& section) {
    const Strings names = strings_of(section.sh_link);
    for (const auto& symbol : read_table<Elf64_Sym>(in_, section.sh_offset, section.sh_size)) {
      const std::string name = names.at(symbol.st_name);
      const bool here = symbol.st_shndx != SHN_UNDEF;
      if (here && name == "malloc" && ELF64_ST_TYPE(symbol.st_info) == STT_FUNC) {
        program_.defines_malloc = true;
      }
      if (section.sh_type == SHT_DYNSYM) (here ? program_.defined : program_.needed).insert(name);
    }
  }

  void read_libraries(const Elf64_Shdr& section) {
    const Strings names = strings_of(section.sh_link);
    for (const auto& entry : read_table<Elf64_Dyn>(in_, section.sh_offset, section.sh_size)) {
      if (entry.d_tag == DT_NEEDED) program_.libraries.push_back(names.at(entry.d_un.d_val));
    }
  }

  std::ifstream in_;
  std::vector<Elf64_Shdr> sections_;
  ElfProgram program_;
};

}  // namespace

ElfProgram read_elf_program(const std::string& path) { return Reader(path).read(); }

}  // namespace mla
