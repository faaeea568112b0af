#include "side_by_side/output_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "reader/error.h"

namespace mla {
namespace {

constexpr size_t kLongestLine = 16384;  // more of a line is not looked at
constexpr size_t kShownBytes = 200;

}  // namespace

OutputFile::OutputFile() {
  const char* chosen = std::getenv("TMPDIR");  // NOLINT(concurrency-mt-unsafe): one thread
  const std::string directory = chosen == nullptr || *chosen == '\0' ? "/tmp" : chosen;
  fd_ = open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (fd_ < 0) {  // a file system without O_TMPFILE
    std::string path = directory + "/mla-bench-XXXXXX";
    fd_ = mkostemp(path.data(), O_CLOEXEC);
    if (fd_ >= 0) unlink(path.c_str());
  }
  if (fd_ < 0) {
    throw Error(directory, std::strerror(errno), "set TMPDIR to a directory that can be written");
  }
  fcntl(fd_, F_SETFL, O_APPEND);  // a command that opens /dev/stdout anew goes on at the end
}

OutputFile::~OutputFile() { close(fd_); }

template <class Function>
void OutputFile::for_each_line(Function function) const {
  std::array<char, 65536> buffer{};
  std::string line;
  off_t at = 0;
  for (;;) {
    const ssize_t got = pread(fd_, buffer.data(), buffer.size(), at);
    if (got <= 0) break;
    at += got;
    for (ssize_t i = 0; i < got; ++i) {
      const char c = buffer[static_cast<size_t>(i)];
      if (c == '\n' || c == '\r') {
        function(line);
        line.clear();
      } else if (line.size() < kLongestLine) {
        line += c;
      }
    }
  }
  if (!line.empty()) function(line);
}

std::string OutputFile::last_line() const {
  std::string last;
  for_each_line([&last](const std::string& line) {
    if (line.find_first_not_of(" \t") != std::string::npos) last = line.substr(0, kShownBytes);
  });
  return last;
}

std::optional<double> OutputFile::number(const std::regex& expression) const {
  std::optional<double> found;
  for_each_line([&](const std::string& line) {
    std::smatch match;
    if (!std::regex_search(line, match, expression)) return;
    const std::string text = match[match.size() > 1 ? 1 : 0].str();
    char* end = nullptr;
    const double value = std::strtod(text.c_str(), &end);
    if (end != text.c_str() && std::isfinite(value)) found = value;
  });
  return found;
}

std::string OutputFile::line_with(const std::string& text) const {
  std::string found;
  for_each_line([&](const std::string& line) {
    if (line.find(text) != std::string::npos) found = line.substr(0, kShownBytes);
  });
  return found;
}

}  // namespace mla
