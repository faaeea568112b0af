#include "symbols/demangle.h"

#include <libiberty/demangle.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <string_view>

namespace mla {

namespace {

// A legacy Rust name is a C++ name whose last part is "17h" and 16 hexadecimal digits.
bool is_legacy_rust(const std::string& name) {
  const size_t hash = name.rfind("17h");
  return name.starts_with("_ZN") && hash != std::string::npos && hash + 19 < name.size() &&
         name[hash + 19] == 'E' &&
         std::all_of(name.begin() + static_cast<ptrdiff_t>(hash) + 3,
                     name.begin() + static_cast<ptrdiff_t>(hash) + 19,
                     [](unsigned char c) { return std::isxdigit(c) != 0; });
}

std::string take(char* text, const std::string& otherwise) {
  if (text == nullptr) return otherwise;
  std::string result = text;
  std::free(text);  // NOLINT(cppcoreguidelines-no-malloc): libiberty's contract
  return result;
}

// GCC: name.constprop.0, name.isra.0, name.part.0, name.cold, name.lto_priv.0;
// Clang: name.llvm.123. In Rust names dots stand for other things, never before a number.
std::string without_clone(const std::string& name) {
  static constexpr std::string_view kNumbered[] = {".constprop.", ".isra.",     ".part.",
                                                   ".clone.",     ".lto_priv.", ".llvm."};
  constexpr std::string_view kCold = ".cold";
  const bool cold = name.size() > kCold.size() && name.ends_with(kCold);
  size_t end = cold ? name.size() - kCold.size() : name.size();
  for (const std::string_view clone : kNumbered) {
    const size_t at = name.find(clone, 1);
    const size_t number = at + clone.size();
    if (at != std::string::npos && number < name.size() &&
        std::isdigit(static_cast<unsigned char>(name[number])) != 0) {
      end = std::min(end, at);
    }
  }
  return name.substr(0, end);
}

}  // namespace

std::string demangle(const std::string& mangled) {
  std::string name = without_clone(mangled);
  if (name.starts_with("_R") || is_legacy_rust(name)) {
    return take(rust_demangle(name.c_str(), DMGL_NO_OPTS), name);
  }
  if (name.starts_with("_Z")) {
    return take(cplus_demangle_v3(name.c_str(), DMGL_PARAMS | DMGL_ANSI), name);
  }
  return name;
}

}  // namespace mla
