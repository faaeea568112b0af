// Any bytes as an ELF file that a recording names: names of functions and lines, or none.
#include <string>
#include <vector>

#include "fuzz/memory_file.h"
#include "symbols/module_symbols.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const mla::test::MemoryFile file(data, size);
  mla::ModuleInfo module;
  module.path = file.path();
  module.end = size;
  mla::ModuleSymbols symbols(module, {});
  constexpr uint64_t kMostAddress = 0x6000;
  for (uint64_t address = 0; address < kMostAddress; address += 0x21) {
    MLA_REQUIRE(!symbols.frames_of(address, address).empty());
  }
  if (const auto elf = mla::ElfFile::open(file.path())) {
    mla::symbol_addresses(*elf, {"main", "work", "malloc"});
  }
  return 0;
}
