#include "move_recording.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

#include "format/format.h"
#include "reader/process.h"

namespace mla {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

// The file's size without blocks that were never used, by its own header when that is sound.
off_t used_bytes(int fd, off_t size) {
  const auto header = std::make_unique<format::SegmentHeader>();
  if (pread(fd, header.get(), sizeof *header, 0) != static_cast<ssize_t>(sizeof *header) ||
      header->magic != format::kMagic || header->version != format::kVersion) {
    return size;
  }
  const uint32_t blocks = header->blocks_used.load(std::memory_order_relaxed);
  if (blocks < format::kFirstTableBlock) return size;
  return std::min(size, static_cast<off_t>(blocks) * format::kBlockBytes);
}

bool write_all(int fd, const char* data, size_t bytes, off_t at) {
  while (bytes > 0) {
    const ssize_t written = pwrite(fd, data, bytes, at);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    data += written;
    at += written;
    bytes -= static_cast<size_t>(written);
  }
  return true;
}

// Blocks of zeros become holes. False with errno set.
bool copy_sparse(int from, int to, off_t size) {
  std::array<char, format::kBlockBytes> block;
  for (off_t at = 0; at < size;) {
    const auto wanted = std::min<off_t>(size - at, static_cast<off_t>(block.size()));
    const ssize_t got = pread(from, block.data(), static_cast<size_t>(wanted), at);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    const bool zero = std::all_of(block.data(), block.data() + got, [](char c) { return c == 0; });
    if (!zero && !write_all(to, block.data(), static_cast<size_t>(got), at)) return false;
    at += got;
  }
  return ftruncate(to, size) == 0 && fsync(to) == 0;
}

std::string copy_across(int from, off_t size, const std::string& to) {
  std::string temporary = to + ".XXXXXX";
  const Descriptor out(mkostemp(temporary.data(), O_CLOEXEC));
  if (out.get() < 0) return std::strerror(errno);
  if (copy_sparse(from, out.get(), size) && rename(temporary.c_str(), to.c_str()) == 0) return "";
  const int error = errno;
  unlink(temporary.c_str());
  return std::strerror(error);
}

}  // namespace

bool is_in_use(const RecordingFile& recording) {
  const auto process = read_process_stat(recording.pid);
  if (!process || process->state == 'Z' || process->state == 'X') return false;
  const auto mappings = shared_mappings(recording.pid);
  struct stat status {};
  if (!mappings || stat(recording.path.c_str(), &status) != 0) return true;
  return std::any_of(mappings->begin(), mappings->end(), [&](const MappedFile& mapped) {
    return is_file(mapped, recording.path, status);
  });
}

std::string move_recording(const std::string& from, const std::string& to) {
  const Descriptor file(open(from.c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC));
  struct stat status {};
  if (file.get() < 0 || fstat(file.get(), &status) != 0) return std::strerror(errno);
  const off_t size = used_bytes(file.get(), status.st_size);
  if (size < status.st_size && ftruncate(file.get(), size) != 0) return std::strerror(errno);
  if (rename(from.c_str(), to.c_str()) == 0) return "";
  if (errno != EXDEV) return std::strerror(errno);
  std::string problem = copy_across(file.get(), size, to);
  if (problem.empty()) unlink(from.c_str());
  return problem;
}

}  // namespace mla
