// Any text as the name of a function in an ELF file: another name or the same.
#include <cstdint>
#include <string>

#include "fuzz/require.h"
#include "symbols/demangle.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const std::string name = text.substr(0, text.find('\0'));  // as in a string table
  MLA_REQUIRE(name.empty() || !mla::demangle(name).empty());
  return 0;
}
