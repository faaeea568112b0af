#include "series/founding_text.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>

namespace mla {
namespace {

const char* python_bool(bool value) { return value ? "True" : "False"; }

}  // namespace

std::string python_rounded(double value, int digits) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  std::array<char, 400> text{};  // DBL_MAX has 309 digits before the point
  std::snprintf(text.data(), text.size(), "%.*f", digits, value);
  const double rounded = std::strtod(text.data(), nullptr);
  // repr() switches to the exponent form below 1e-4 and from 1e16 on.
  const double size = std::abs(rounded);
  const bool fixed = size == 0 || (size >= 1e-4 && size < 1e16);
  const auto [end, error] =
      std::to_chars(text.data(), text.data() + text.size(), rounded,
                    fixed ? std::chars_format::fixed : std::chars_format::scientific);
  std::string shown(text.data(), end);
  if (fixed && shown.find('.') == std::string::npos) shown += ".0";
  return shown;
}

std::string founding_text(const FoundingResult& result) {
  std::string text = "[Number of test data]: " + std::to_string(result.count) +
                     " [Peak Value]: " + python_rounded(result.peak_value, 4) +
                     " [if_overshoot]: " + python_bool(result.if_overshoot) + " -- 4 " +
                     python_rounded(result.overshoot_4, 6) + " -- 8 " +
                     python_rounded(result.overshoot_8, 6) +
                     "\n[if_notify_wechat]: " + python_bool(result.notify) + "\n";
  if (result.excess) {
    text += "[excess]: " + python_rounded(*result.excess, 6) +
            " [if_excess]: " + python_bool(result.if_excess) + "\n";
  }
  return text;
}

std::string founding_objection(const FoundingResult& result, const FoundingThresholds& thresholds) {
  switch (result.validity) {
    case FoundingValidity::kValid:
      break;
    case FoundingValidity::kTooFewSamples:
      return std::to_string(result.count) + " samples are fewer than Invalid_Count " +
             std::to_string(thresholds.invalid_count < 2 ? 2 : thresholds.invalid_count);
    case FoundingValidity::kSlopesDisagree:
      return "the slope computed in two ways disagrees by " +
             python_rounded(result.slope_disagreement, 4) + ", more than Error_Ratio " +
             python_rounded(thresholds.error_ratio, 6);
  }
  return "";
}

}  // namespace mla
