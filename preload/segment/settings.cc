#include "segment/settings.h"

#include "segment/sys.h"
#include "segment/text.h"

namespace mla {

namespace {

// 0 for anything that is not a plain decimal number below 2^32.
uint32_t parse_number(const char* s) {
  uint64_t value = 0;
  for (const char* p = s; *p != 0; ++p) {
    if (*p < '0' || *p > '9' || value > 0xffffffff) return 0;
    value = value * 10 + static_cast<uint64_t>(*p - '0');
  }
  return value > 0xffffffff ? 0 : static_cast<uint32_t>(value);
}

// "512K", "64k", "1M", "4096"; 0 for anything else.
uint64_t parse_bytes(const char* s) {
  uint64_t value = 0;
  const char* p = s;
  for (; *p >= '0' && *p <= '9' && value < 1ULL << 40; ++p) {
    value = value * 10 + static_cast<uint64_t>(*p - '0');
  }
  if (p == s) return 0;
  const char unit = static_cast<char>(*p | 0x20);
  const unsigned shift = unit == 'k' ? 10 : unit == 'm' ? 20 : unit == 'g' ? 30 : 0;
  if (shift != 0) ++p;
  return *p == 0 ? value << shift : 0;
}

// "1%", "0.5%" or "2" in parts per million; 0 for anything else.
uint32_t parse_percent(const char* s) {
  uint64_t ppm = 0;
  uint64_t unit = 10'000;
  bool fraction = false;
  bool digits = false;
  for (; (*s >= '0' && *s <= '9') || (*s == '.' && !fraction); ++s) {
    if (*s == '.') {
      fraction = true;
      continue;
    }
    digits = true;
    if (fraction) unit /= 10;
    ppm = fraction ? ppm + static_cast<uint64_t>(*s - '0') * unit
                   : ppm * 10 + static_cast<uint64_t>(*s - '0') * unit;
    if (ppm > 1'000'000) return 0;
  }
  if (*s == '%') ++s;
  return digits && *s == 0 ? static_cast<uint32_t>(ppm) : 0;
}

// "60s", "500ms", "5m" (min), "1h", or a number of seconds, in ns; 0 for anything else and for more
// than 1000 h.
uint64_t parse_duration(const char* s) {
  constexpr uint64_t kSecond = 1'000'000'000;
  constexpr uint64_t kMost = 1000 * 3600 * kSecond;
  uint64_t value = 0;
  const char* p = s;
  for (; *p >= '0' && *p <= '9' && value < 1ULL << 40; ++p) {
    value = value * 10 + static_cast<uint64_t>(*p - '0');
  }
  const uint64_t unit = *p == 0 || same_text(p, "s")               ? kSecond
                        : same_text(p, "ms")                       ? kSecond / 1000
                        : same_text(p, "m") || same_text(p, "min") ? 60 * kSecond
                        : same_text(p, "h")                        ? 3600 * kSecond
                                                                   : 0;
  return unit == 0 || value > kMost / unit ? 0 : value * unit;
}

void complain(Text& text, const char* name, const char* value, const char* expected,
              const char* consequence = "was ignored") {
  text.add(name).add("=").add(value).add(" is not understood and ").add(consequence).add(": ");
  text.add(expected).add_char('\n');
}

// Who limits the cost and is not understood does not want all of it.
constexpr uint64_t kUsualInterval = 512 * 1024;
constexpr const char* kSampledInstead = "was taken for MLA_SAMPLE=512K";

}  // namespace

const char* find_variable(char** environment, const char* name) {
  const uint64_t n = text_length(name);
  for (char** e = environment; e != nullptr && *e != nullptr; ++e) {
    if (starts_with(*e, name) && (*e)[n] == '=') return *e + n + 1;
  }
  return nullptr;
}

Settings read_settings(char** environment, char* complaint, uint64_t capacity) {
  Settings settings;
  Text text(complaint, capacity);
  const auto value_of = [&](const char* name) -> const char* {
    const char* value = find_variable(environment, name);
    return value == nullptr || *value == 0 ? nullptr : value;
  };
  // Copies: programs that set their title write over the environment.
  static char directory[512];
  static char allocator[256];
  if (const char* value = value_of("MLA_DIR")) {
    Text path(directory, sizeof directory);
    char here[512];
    if (value[0] != '/' && sys::getcwd(here, sizeof here) > 0) path.add(here).add("/");
    if (path.add(value).cut()) {
      complain(text, "MLA_DIR", value, "a shorter path");
    } else {
      settings.directory = directory;
    }
  }
  if (const char* value = value_of("MLA_ALLOCATOR")) {
    Text name(allocator, sizeof allocator);
    if (!name.add(value).cut()) settings.allocator = allocator;
  }
  if (const char* follow = value_of("MLA_FOLLOW")) {
    if (same_text(follow, "0")) {
      settings.follow = false;
    } else if (!same_text(follow, "1")) {
      complain(text, "MLA_FOLLOW", follow, "0 or 1");
    }
  }
  if (const char* unwind = value_of("MLA_UNWIND")) {
    if (same_text(unwind, "libunwind")) {
      settings.reference_unwinder = true;
    } else {
      complain(text, "MLA_UNWIND", unwind, "libunwind, or unset");
    }
  }
  if (const char* python = value_of("MLA_PYTHON")) {
    if (same_text(python, "off")) {
      settings.python = format::PythonMode::kNone;
    } else if (same_text(python, "objects")) {
      settings.python = format::PythonMode::kObjects;
    } else if (!same_text(python, "frames")) {
      complain(text, "MLA_PYTHON", python, "off, frames or objects");
    }
  }
  if (const char* sample = value_of("MLA_SAMPLE")) {
    constexpr uint64_t kLeast = 1024;
    constexpr uint64_t kMost = 1ULL << 30;
    const uint64_t interval = parse_bytes(sample);
    if (interval >= kLeast && interval <= kMost) {
      settings.sample_interval = interval;
    } else if (same_text(sample, "off")) {
      settings.sample_interval = format::kOffInterval;
    } else {
      settings.sample_interval = kUsualInterval;
      complain(text, "MLA_SAMPLE", sample, "bytes from 1K to 1G, such as 512K, or off",
               kSampledInstead);
    }
  }
  if (const char* budget = value_of("MLA_BUDGET")) {
    settings.budget_ppm = parse_percent(budget);
    if (settings.budget_ppm == 0) {
      complain(text, "MLA_BUDGET", budget, "a percentage, such as 1%", kSampledInstead);
    }
    constexpr uint64_t kFinest = 16 * 1024;
    const bool exact = settings.sample_interval == format::kExactInterval;
    settings.finest_interval = exact ? kFinest : settings.sample_interval;
    if (exact) settings.sample_interval = kUsualInterval;
  }
  if (const char* trim = value_of("MLA_TRIM_INTERVAL")) {
    constexpr uint64_t kLeast = 10'000'000;
    const uint64_t interval = parse_duration(trim);
    if (interval >= kLeast) {
      settings.trim_interval_ns = interval;
    } else if (!same_text(trim, "0")) {
      complain(text, "MLA_TRIM_INTERVAL", trim, "a duration from 10ms to 1000h, such as 60s");
    }
  }
  if (const char* check = value_of("MLA_UNWIND_CHECK")) {
    settings.unwind_check = parse_number(check);
    if (settings.unwind_check == 0 && !same_text(check, "0")) {
      complain(text, "MLA_UNWIND_CHECK", check, "a number N: one capture in N is compared");
    }
  }
  return settings;
}

uint64_t write_settings(char** environment, char* to, uint64_t capacity) {
  Text text(to, capacity);
  for (char** e = environment; e != nullptr && *e != nullptr; ++e) {
    if (starts_with(*e, "MLA_")) text.add(*e).add_char('\n');
  }
  return text.length();
}

bool preloads_mla(const char* ld_preload, uint64_t length) {
  return find_text(ld_preload, length, "libmla.so") != length;
}

}  // namespace mla
