#include "side_by_side/readiness.h"

#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

#include "reader/error.h"

namespace mla {
namespace {

constexpr int kPatienceMs = 500;

bool is_ready_to(short event, int fd) {
  pollfd polled{fd, event, 0};
  return poll(&polled, 1, kPatienceMs) == 1;
}

}  // namespace

Readiness::Readiness(const std::string& address) {
  const Error wrong("--ready " + address, "is no address of a server",
                    "give HOST:PORT or http://HOST:PORT/PATH");
  std::string rest = address;
  if (rest.starts_with("http://")) {
    rest = rest.substr(7);
    const size_t slash = rest.find('/');
    path_ = slash == std::string::npos ? "/" : rest.substr(slash);
    rest = rest.substr(0, slash);
    if (rest.find(':') == std::string::npos) rest += ":80";
  }
  const size_t colon = rest.rfind(':');
  if (colon == std::string::npos || colon == 0) throw wrong;
  host_ = rest.substr(0, colon);
  port_ = rest.substr(colon + 1);
  if (host_.find('/') != std::string::npos) throw wrong;
  if (host_.size() > 2 && host_.front() == '[' && host_.back() == ']') {
    host_ = host_.substr(1, host_.size() - 2);  // IPv6
  }
  if (port_.empty() || port_.size() > 5 ||
      port_.find_first_not_of("0123456789") != std::string::npos || std::stoi(port_) > 65535) {
    throw wrong;
  }
}

int Readiness::connect_now() const {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(host_.c_str(), port_.c_str(), &hints, &found) != 0) return -1;
  int connected = -1;
  for (const addrinfo* one = found; one != nullptr && connected < 0; one = one->ai_next) {
    const int fd = socket(one->ai_family, one->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) continue;
    int error = 0;
    socklen_t length = sizeof error;
    if (connect(fd, one->ai_addr, one->ai_addrlen) == 0 ||
        (is_ready_to(POLLOUT, fd) && getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) == 0 &&
         error == 0)) {
      connected = fd;
    } else {
      close(fd);
    }
  }
  freeaddrinfo(found);
  return connected;
}

bool Readiness::accepts() const {
  const int fd = connect_now();
  if (fd < 0) return false;
  close(fd);
  return true;
}

bool Readiness::answers() const {
  const int fd = connect_now();
  if (fd < 0) return false;
  bool ready = path_.empty();
  if (!ready) {
    const std::string request =
        "GET " + path_ + " HTTP/1.0\r\nHost: " + host_ + "\r\nConnection: close\r\n\r\n";
    std::array<char, 12> status{};  // "HTTP/1.1 200"
    size_t got = 0;
    if (send(fd, request.data(), request.size(), MSG_NOSIGNAL) ==
        static_cast<ssize_t>(request.size())) {
      while (got < status.size() && is_ready_to(POLLIN, fd)) {
        const ssize_t more = recv(fd, status.data() + got, status.size() - got, 0);
        if (more <= 0) break;
        got += static_cast<size_t>(more);
      }
    }
    const std::string answer(status.data(), got);
    ready = got == status.size() && answer.starts_with("HTTP/") &&
            (answer[9] == '2' || answer[9] == '3');
  }
  close(fd);
  return ready;
}

}  // namespace mla
