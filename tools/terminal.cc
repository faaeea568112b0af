#include "terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <iostream>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>

namespace mla {
namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): one thread
  return value == nullptr ? "" : value;
}

// Those of write_text(), write_diff_text() and write_stacks_text().
std::string signs_in_ascii(const std::string& text) {
  using Pair = std::pair<std::string_view, std::string_view>;
  static constexpr std::array<Pair, 11> kAlike = {{{"▁", "_"},
                                                   {"▂", "."},
                                                   {"▃", ","},
                                                   {"▄", "-"},
                                                   {"▅", "="},
                                                   {"▆", "+"},
                                                   {"▇", "*"},
                                                   {"█", "#"},
                                                   {"▸", ">"},
                                                   {"±", "+-"},
                                                   {"…", "~"}}};
  std::string result;
  for (size_t i = 0; i < text.size();) {
    const std::string_view rest = std::string_view(text).substr(i);
    const auto* alike = std::find_if(kAlike.begin(), kAlike.end(), [rest](const Pair& pair) {
      return rest.starts_with(pair.first);
    });
    if (alike == kAlike.end()) {
      result += text[i++];
    } else {
      result += alike->second;
      i += alike->first.size();
    }
  }
  return result;
}

}  // namespace

bool colour_wanted(const Output& out) { return out.is_terminal() && variable("NO_COLOR").empty(); }

size_t terminal_width(const Output& out, size_t otherwise) {
  winsize window{};
  if (!out.is_terminal() || ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) != 0) return otherwise;
  return window.ws_col > 0 ? window.ws_col : otherwise;
}

void show_waiting(const std::string& text) {
  if (isatty(STDERR_FILENO) != 1) return;
  std::cerr << '\r' << text << "\033[K" << std::flush;
}

bool utf8_locale() {
  // The first that is set decides, as in setlocale(3).
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const std::string value = variable(name);
    if (value.empty()) continue;
    return value.find("UTF-8") != std::string::npos || value.find("utf8") != std::string::npos;
  }
  return false;
}

void write_for_locale(Output& out, const std::function<void(std::ostream&)>& write) {
  if (utf8_locale()) return write(out.stream());
  std::ostringstream text;
  write(text);
  out.stream() << signs_in_ascii(text.str());
}

}  // namespace mla
