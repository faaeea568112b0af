// Any bytes as the line table of a Python function, of each format: a line or none, for every
// offset, in time that does not depend on what the table says.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>

#include "fuzz/require.h"
#include "symbols/python_lines.h"

namespace {

template <class T>
T take(const uint8_t*& data, size_t& size) {
  T value{};
  const size_t bytes = std::min(size, sizeof value);
  std::memcpy(&value, data, bytes);
  data += bytes;
  size -= bytes;
  return value;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  mla::PythonCode code;
  const auto formats = static_cast<uint32_t>(mla::format::PythonLines::kCount);
  code.lines_format = static_cast<mla::format::PythonLines>(take<uint8_t>(data, size) % formats);
  code.first_line = take<uint32_t>(data, size);
  const auto offset = take<uint32_t>(data, size);
  code.lines.assign(reinterpret_cast<const char*>(data), size);
  constexpr uint32_t kMostLines = std::numeric_limits<int32_t>::max();
  for (const uint64_t at : {uint64_t{offset}, uint64_t{0}, uint64_t{offset} << 32, ~uint64_t{0}}) {
    MLA_REQUIRE(mla::python_line(code, at) <= kMostLines);
  }
  return 0;
}
