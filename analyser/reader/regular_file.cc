#include "reader/regular_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace mla {
namespace {

std::string read_all(int fd, size_t most) {
  std::string bytes;
  std::array<char, 16384> buffer{};
  while (bytes.size() < most) {
    const ssize_t got = read(fd, buffer.data(), std::min(buffer.size(), most - bytes.size()));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return "";
    if (got == 0) break;
    bytes.append(buffer.data(), static_cast<size_t>(got));
  }
  return bytes;
}

}  // namespace

std::string read_regular_file(const std::string& path, size_t most) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) return "";
  struct stat status {};
  std::string bytes;
  if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode)) bytes = read_all(fd, most);
  close(fd);
  return bytes;
}

}  // namespace mla
