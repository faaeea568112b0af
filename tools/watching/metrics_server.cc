#include "watching/metrics_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "reader/error.h"
#include "report/metrics.h"

namespace mla {
namespace {

constexpr size_t kConnections = 16;
constexpr size_t kRequestBytes = 8192;
constexpr std::chrono::seconds kPatience{5};
constexpr int kPollMs = 500;  // how late a deadline may be noticed

std::string lower(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return text;
}

// Whether the head of a request, in lower case, accepts OpenMetrics.
bool accepts_openmetrics(const std::string& head) {
  const size_t accept = head.find("\naccept:");
  if (accept == std::string::npos) return false;
  const size_t type = head.find("application/openmetrics-text", accept);
  return type != std::string::npos && type < head.find('\n', accept + 1);
}

// Whether a request, in lower case, asks for this host by a name of the loopback interface: else a
// web page could have it read by a name of its own that leads here.
bool names_loopback(const std::string& head) {
  const size_t host = head.find("\nhost:");
  if (host == std::string::npos) return true;  // HTTP/1.0: no browser
  const size_t begin = head.find_first_not_of(" \t", host + 6);
  const size_t end = head.find_first_of("\r\n", host + 6);
  if (begin == std::string::npos || end == std::string::npos || begin >= end) return false;
  std::string name = head.substr(begin, end - begin);
  const size_t port = name.rfind(':');
  if (port != std::string::npos && name.find(']', port) == std::string::npos) name.resize(port);
  return name == "127.0.0.1" || name == "localhost" || name == "[::1]";
}

std::string answer_head(const char* status, const char* type, size_t bytes) {
  std::string head = "HTTP/1.1 ";
  head += status;
  head += "\r\nContent-Type: ";
  head += type;
  head += "\r\nContent-Length: " + std::to_string(bytes);
  head += "\r\nConnection: close\r\n\r\n";
  return head;
}

}  // namespace

MetricsServer::MetricsServer(uint16_t port) {
  const auto fail = [&](const char* what) {
    const std::string why = std::string(what) + " (" + std::strerror(errno) + ")";
    if (listener_ >= 0) close(listener_);
    throw Error("--metrics " + std::to_string(port), why, "give another port, or 0 for a free one");
  };
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (listener_ < 0) fail("no socket can be made");
  const int on = 1;  // a port that was in use until just now
  setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* const where = reinterpret_cast<sockaddr*>(&address);
  if (bind(listener_, where, sizeof address) != 0 || listen(listener_, kConnections) != 0) {
    fail("nothing can listen there");
  }
  socklen_t length = sizeof address;
  getsockname(listener_, where, &length);
  port_ = ntohs(address.sin_port);
  stop_ = eventfd(0, EFD_CLOEXEC);
  if (stop_ < 0) fail("no eventfd can be made");
  thread_ = std::thread([this] { work(); });
}

MetricsServer::~MetricsServer() {
  eventfd_write(stop_, 1);
  thread_.join();
  for (const Connection& connection : connections_) close(connection.fd);
  close(listener_);
  close(stop_);
}

void MetricsServer::publish(std::string openmetrics, std::string text) {
  auto page = std::make_shared<const Page>(Page{std::move(openmetrics), std::move(text)});
  const std::lock_guard lock(mutex_);
  page_.swap(page);
}

void MetricsServer::work() {
  while (true) {
    std::vector<pollfd> polled{{stop_, POLLIN, 0}};
    for (const Connection& connection : connections_) {
      const bool sending = connection.state == State::kSending;
      polled.push_back({connection.fd, static_cast<short>(sending ? POLLOUT : POLLIN), 0});
    }
    if (connections_.size() < kConnections) polled.push_back({listener_, POLLIN, 0});
    poll(polled.data(), polled.size(), connections_.empty() ? -1 : kPollMs);
    if (polled[0].revents != 0) return;
    const size_t known = connections_.size();
    const bool come = polled.size() > known + 1 && polled.back().revents != 0;
    const Clock::time_point now = Clock::now();
    for (size_t i = 0; i < known; ++i) {
      Connection& connection = connections_[i];
      bool going_on = now < connection.deadline;
      if (going_on && polled[i + 1].revents != 0) {
        going_on = proceed(connection);
      }
      if (going_on) continue;
      close(connection.fd);
      connection.fd = -1;
    }
    std::erase_if(connections_, [](const Connection& connection) { return connection.fd < 0; });
    if (come) accept_one();
  }
}

void MetricsServer::accept_one() {
  const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd >= 0) {
    Connection& connection = connections_.emplace_back();
    connection.fd = fd;
    connection.deadline = Clock::now() + kPatience;
  } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
    pollfd stop{stop_, POLLIN, 0};  // the client stays in the queue: do not spin on it
    poll(&stop, 1, kPollMs);
  }
}

bool MetricsServer::proceed(Connection& connection) const {
  switch (connection.state) {
    case State::kReceiving:
      return receive_more(connection);
    case State::kSending:
      return send_more(connection);
    case State::kEnding:
      return drain(connection);
  }
  return false;
}

bool MetricsServer::receive_more(Connection& connection) const {
  std::array<char, 2048> buffer{};
  const ssize_t got = recv(connection.fd, buffer.data(), buffer.size(), 0);
  if (got < 0) return errno == EAGAIN || errno == EINTR;
  if (got == 0) return false;
  connection.request.append(buffer.data(), static_cast<size_t>(got));
  if (connection.request.size() > kRequestBytes) return false;
  const size_t end = connection.request.find("\r\n\r\n");
  if (end == std::string::npos) return true;
  connection.request.resize(end + 2);  // what follows is the next one: this is the last we answer
  answer(connection);
  connection.state = State::kSending;
  return send_more(connection);
}

void MetricsServer::answer(Connection& connection) const {
  const std::string line = connection.request.substr(0, connection.request.find("\r\n"));
  const bool get = line.starts_with("GET ");
  const bool head = line.starts_with("HEAD ");
  const size_t begin = line.find(' ') + 1;
  const std::string path = line.substr(begin, line.find_first_of(" ?", begin) - begin);
  std::shared_ptr<const Page> page;
  {
    const std::lock_guard lock(mutex_);
    page = page_;
  }
  const char* status = "200 OK";
  if (!names_loopback(lower(connection.request))) {
    status = "403 Forbidden";
  } else if (!get && !head) {
    status = "405 Method Not Allowed";
  } else if (path != "/metrics") {
    status = "404 Not Found";
  } else if (!page) {
    status = "503 Service Unavailable";  // nothing was sampled yet
  } else {
    const bool open = accepts_openmetrics(lower(connection.request));
    connection.body = {page, open ? &page->openmetrics : &page->text};
    connection.head =
        answer_head(status, content_type(open ? MetricsFormat::kOpenMetrics : MetricsFormat::kText),
                    connection.body->size());
  }
  if (connection.head.empty()) {
    connection.body = std::make_shared<const std::string>(std::string(status) + '\n');
    connection.head = answer_head(status, "text/plain; charset=utf-8", connection.body->size());
  }
  if (head) connection.body = nullptr;
}

bool MetricsServer::send_more(Connection& connection) {
  static const std::string kNothing;
  const std::string& body = connection.body ? *connection.body : kNothing;
  while (connection.sent < connection.head.size() + body.size()) {
    const bool in_head = connection.sent < connection.head.size();
    const std::string_view left =
        in_head ? std::string_view(connection.head).substr(connection.sent)
                : std::string_view(body).substr(connection.sent - connection.head.size());
    const ssize_t sent = send(connection.fd, left.data(), left.size(), MSG_NOSIGNAL);
    if (sent < 0) return errno == EAGAIN || errno == EINTR;
    connection.sent += static_cast<size_t>(sent);
  }
  shutdown(connection.fd, SHUT_WR);
  connection.state = State::kEnding;
  return true;
}

// To close while the client still sends, as the next request on this connection, would reset it:
// the client could lose the answer.
bool MetricsServer::drain(Connection& connection) {
  std::array<char, 2048> buffer{};
  const ssize_t got = recv(connection.fd, buffer.data(), buffer.size(), 0);
  return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

}  // namespace mla
