#include "output.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "reader/error.h"

namespace mla {

Output::Output() : fd_(STDOUT_FILENO), name_("standard output"), stream_(this) {
  setp(buffer_.data(), buffer_.data() + buffer_.size());
}

Output::Output(const std::string& path)
    : fd_(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)),
      name_(path),
      stream_(this) {
  if (fd_ < 0) throw Error(path, std::strerror(errno), "name a file that can be written");
  setp(buffer_.data(), buffer_.data() + buffer_.size());
}

Output::~Output() {
  if (fd_ > STDERR_FILENO) close(fd_);
}

bool Output::is_terminal() const { return isatty(fd_) == 1; }

bool Output::write_out() {
  const char* next = pbase();
  if (before_writing_ && next != pptr() && is_terminal()) before_writing_();
  while (error_ == 0 && next != pptr()) {
    const ssize_t written = write(fd_, next, static_cast<size_t>(pptr() - next));
    if (written >= 0) {
      next += written;
    } else if (errno == EAGAIN) {  // another's non-blocking pipe, and its reader is slow
      pollfd room{fd_, POLLOUT, 0};
      poll(&room, 1, -1);
    } else if (errno != EINTR) {
      error_ = errno;
    }
  }
  setp(buffer_.data(), buffer_.data() + buffer_.size());
  return error_ == 0;
}

Output::int_type Output::overflow(int_type c) {
  if (!write_out()) return traits_type::eof();
  if (!traits_type::eq_int_type(c, traits_type::eof())) sputc(traits_type::to_char_type(c));
  return traits_type::not_eof(c);
}

int Output::sync() { return write_out() ? 0 : -1; }

void Output::forget_failure() {
  error_ = 0;
  stream_.clear();
}

void Output::finish() {
  stream_.flush();
  write_out();  // the stream does not flush once a write has failed
  if (error_ == EPIPE) throw BrokenPipe();
  if (error_ != 0) {
    throw Error(name_, std::strerror(error_), "write to a place that is open and has room");
  }
}

}  // namespace mla
