#include "sampling_words.h"

#include <charconv>

#include "format/format.h"
#include "reader/error.h"

namespace mla {

uint64_t parse_sampling(const std::string& text, const std::string& option) {
  if (text == "exact") return format::kExactInterval;
  if (text == "off") return format::kOffInterval;
  constexpr uint64_t kLeast = 1024;
  constexpr uint64_t kMost = 1ULL << 30;
  uint64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [after, error] = std::from_chars(text.data(), end, value);
  const std::string unit(after, end);
  uint64_t factor = 0;
  if (unit.empty()) factor = 1;
  if (unit == "k" || unit == "K") factor = 1ULL << 10;
  if (unit == "m" || unit == "M") factor = 1ULL << 20;
  if (unit == "g" || unit == "G") factor = 1ULL << 30;
  if (error != std::errc() || factor == 0 || value > kMost / factor || value * factor < kLeast) {
    throw Error(option, "'" + text + "' is no sampling interval",
                "give bytes from 1K to 1G, such as 512K, or exact or off");
  }
  return value * factor;
}

void check_budget(const std::string& text) {
  double percent = 0;
  const char* end = text.data() + text.size() - (text.ends_with('%') ? 1 : 0);
  const auto [after, error] = std::from_chars(text.data(), end, percent, std::chars_format::fixed);
  if (error != std::errc() || after != end || !(percent >= 0.0001) || percent > 100) {
    throw Error("--budget", "'" + text + "' is no percentage", "give one such as 1%");
  }
}

}  // namespace mla
