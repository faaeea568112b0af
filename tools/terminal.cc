#include "terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <string>

namespace mla {
namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): one thread
  return value == nullptr ? "" : value;
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

}  // namespace mla
