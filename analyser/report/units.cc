#include "report/units.h"

#include <array>
#include <cmath>
#include <cstdio>

namespace mla {

namespace {

template <class... Args>
std::string print(const char* format, Args... args) {
  std::array<char, 64> buffer{};
  std::snprintf(buffer.data(), buffer.size(), format, args...);
  return buffer.data();
}

}  // namespace

std::string with_commas(uint64_t number) {
  const std::string digits = std::to_string(number);
  std::string text;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i != 0 && (digits.size() - i) % 3 == 0) text += ',';
    text += digits[i];
  }
  return text;
}

std::string human_bytes(uint64_t bytes) {
  static constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 1024) return print("%u B", static_cast<unsigned>(bytes));
  auto value = static_cast<double>(bytes);
  size_t unit = 0;
  // 1023.96 would print as 1024.0.
  while (value >= 1023.95 && unit + 1 < std::size(kUnits)) {
    value /= 1024;
    ++unit;
  }
  return print("%.1f %s", value, kUnits[unit]);
}

std::string human_seconds(double seconds) {
  if (seconds < 9.995) return print("%.2f s", seconds);
  if (seconds < 59.95) return print("%.1f s", seconds);
  const double whole = std::round(seconds);
  const auto days = static_cast<unsigned>(whole / 86400);
  const auto hours = static_cast<unsigned>(std::fmod(whole, 86400) / 3600);
  const auto minutes = static_cast<unsigned>(std::fmod(whole, 3600) / 60);
  if (days > 0) return print("%u d %u h", days, hours);
  if (hours > 0) return print("%u h %u min", hours, minutes);
  return print("%u min %u s", minutes, static_cast<unsigned>(std::fmod(whole, 60)));
}

std::string percent(uint64_t part, uint64_t whole) {
  if (whole == 0) return "-";
  return print("%.1f %%", 100 * static_cast<double>(part) / static_cast<double>(whole));
}

std::string counted(uint64_t number, const std::string& noun) {
  return with_commas(number) + " " + noun + (number == 1 ? "" : "s");
}

}  // namespace mla
