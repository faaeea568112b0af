#include "symbols/symbol_table.h"

#include <gelf.h>

#include <algorithm>
#include <tuple>

namespace mla {

namespace {

int rank_of(unsigned char binding, unsigned char type) {
  const int by_type = type == STT_NOTYPE ? 4 : 0;
  switch (binding) {
    case STB_GLOBAL:
      return by_type;
    case STB_WEAK:
      return by_type + 1;
    default:
      return by_type + 2;
  }
}

}  // namespace

SymbolTable::SymbolTable(const ElfFile& file) {
  Elf_Scn* chosen = nullptr;
  GElf_Shdr chosen_header{};
  for (Elf_Scn* section = nullptr; (section = elf_nextscn(file.elf(), section)) != nullptr;) {
    GElf_Shdr header;
    if (gelf_getshdr(section, &header) == nullptr || header.sh_entsize == 0) continue;
    if (header.sh_type == SHT_SYMTAB || (header.sh_type == SHT_DYNSYM && chosen == nullptr)) {
      chosen = section;
      chosen_header = header;
      if (header.sh_type == SHT_SYMTAB) break;
    }
  }
  if (chosen == nullptr) return;
  add_section(file, chosen, chosen_header.sh_link,
              chosen_header.sh_size / chosen_header.sh_entsize);
  sort_and_pick();
}

void SymbolTable::add_section(const ElfFile& file, Elf_Scn* section, uint64_t link,
                              uint64_t entries) {
  Elf_Data* data = elf_getdata(section, nullptr);
  if (data == nullptr) return;
  for (uint64_t i = 0; i < entries; ++i) {
    GElf_Sym symbol;
    if (gelf_getsym(data, static_cast<int>(i), &symbol) == nullptr) break;
    const unsigned char type = GELF_ST_TYPE(symbol.st_info);
    if (symbol.st_shndx == SHN_UNDEF || symbol.st_shndx >= SHN_LORESERVE) continue;
    if (type != STT_FUNC && type != STT_GNU_IFUNC && type != STT_NOTYPE) continue;
    const char* name = elf_strptr(file.elf(), link, symbol.st_name);
    if (name == nullptr || *name == '\0' || *name == '.' || *name == '$') continue;
    // A symbol without a size ends where its section does, or where the next symbol begins.
    uint64_t end = symbol.st_value + symbol.st_size;
    GElf_Shdr its_section;
    if (gelf_getshdr(elf_getscn(file.elf(), symbol.st_shndx), &its_section) == nullptr ||
        (its_section.sh_flags & SHF_EXECINSTR) == 0) {
      continue;
    }
    if (symbol.st_size == 0) end = its_section.sh_addr + its_section.sh_size;
    symbols_.push_back({symbol.st_value, end, rank_of(GELF_ST_BIND(symbol.st_info), type), name});
  }
}

void SymbolTable::sort_and_pick() {
  std::sort(symbols_.begin(), symbols_.end(), [](const Symbol& a, const Symbol& b) {
    return std::tie(a.begin, a.rank, a.name) < std::tie(b.begin, b.rank, b.name);
  });
  const auto same = [](const Symbol& a, const Symbol& b) { return a.begin == b.begin; };
  symbols_.erase(std::unique(symbols_.begin(), symbols_.end(), same), symbols_.end());
}

const std::string& SymbolTable::name_at(uint64_t address) const {
  static const std::string kNone;
  auto next =
      std::upper_bound(symbols_.begin(), symbols_.end(), address,
                       [](uint64_t wanted, const Symbol& symbol) { return wanted < symbol.begin; });
  // A small symbol may lie inside a large one: look a few symbols further down.
  constexpr int kNesting = 4;
  for (int i = 0; i < kNesting && next != symbols_.begin(); ++i) {
    --next;
    if (address < next->end) return next->name;
  }
  return kNone;
}

std::map<std::string, uint64_t> symbol_addresses(const ElfFile& file,
                                                 const std::vector<std::string>& names) {
  std::map<std::string, uint64_t> result;
  for (Elf_Scn* section = nullptr; (section = elf_nextscn(file.elf(), section)) != nullptr;) {
    GElf_Shdr header;
    if (gelf_getshdr(section, &header) == nullptr || header.sh_entsize == 0) continue;
    if (header.sh_type != SHT_SYMTAB && header.sh_type != SHT_DYNSYM) continue;
    Elf_Data* data = elf_getdata(section, nullptr);
    if (data == nullptr) continue;
    const uint64_t entries = header.sh_size / header.sh_entsize;
    for (uint64_t i = 0; i < entries && result.size() < names.size(); ++i) {
      GElf_Sym symbol;
      if (gelf_getsym(data, static_cast<int>(i), &symbol) == nullptr) break;
      if (symbol.st_shndx == SHN_UNDEF || symbol.st_value == 0) continue;
      const char* name = elf_strptr(file.elf(), header.sh_link, symbol.st_name);
      if (name == nullptr || std::find(names.begin(), names.end(), name) == names.end()) continue;
      result.emplace(name, symbol.st_value);
    }
  }
  return result;
}

}  // namespace mla
