// Any bytes given to the parser of suppressions: an Error or patterns, which match any name or not.
#include <cstdint>
#include <string>
#include <string_view>

#include "fuzz/require.h"
#include "reader/error.h"
#include "verdict/suppressions.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  try {
    for (const mla::Suppression& one : mla::parse_suppressions(text, "fuzz")) {
      MLA_REQUIRE(!one.pattern.empty() && one.line > 0);
      mla::suppression_matches(one.pattern, text);
      MLA_REQUIRE(!mla::suppression_matches(one.pattern, ""));
      const bool plain = one.pattern.find_first_of("*^$") == std::string::npos;
      MLA_REQUIRE(!plain || mla::suppression_matches(one.pattern, "a" + one.pattern + "b"));
    }
  } catch (const mla::Error& error) {
    MLA_REQUIRE(*error.what() != '\0');
  }
  return 0;
}
