#include "dynamic_symbols.h"

#include <elf.h>

#include <cstring>
#include <fstream>
#include <vector>

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

}  // namespace

DynamicSymbols read_dynamic_symbols(const std::string& path) {
  DynamicSymbols symbols;
  std::ifstream in(path, std::ios::binary);
  const auto headers = read_table<Elf64_Ehdr>(in, 0, sizeof(Elf64_Ehdr));
  if (headers.empty() || std::memcmp(headers[0].e_ident, ELFMAG, SELFMAG) != 0 ||
      headers[0].e_ident[EI_CLASS] != ELFCLASS64) {
    return symbols;
  }
  const auto sections =
      read_table<Elf64_Shdr>(in, headers[0].e_shoff, headers[0].e_shnum * sizeof(Elf64_Shdr));
  for (const Elf64_Shdr& section : sections) {
    if (section.sh_type != SHT_DYNSYM || section.sh_link >= sections.size()) continue;
    const Elf64_Shdr& strings = sections[section.sh_link];
    std::vector<char> names = read_table<char>(in, strings.sh_offset, strings.sh_size);
    names.push_back('\0');
    for (const auto& symbol : read_table<Elf64_Sym>(in, section.sh_offset, section.sh_size)) {
      if (symbol.st_name >= names.size()) continue;
      std::set<std::string>& kind = symbol.st_shndx == SHN_UNDEF ? symbols.needed : symbols.defined;
      kind.insert(names.data() + symbol.st_name);
    }
  }
  return symbols;
}

}  // namespace mla
