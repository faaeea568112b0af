// The figures of mla watch for a scraper on this host: GET /metrics on 127.0.0.1.
//
// * A thread of its own serves what was published last: no client is waited for, neither by the
//   sampling nor by another client.
// * Bounded: 16 connections, 8 KiB of request, 5 s for each; further clients wait in the kernel.
// * Loopback only, whatever the host's firewall: the labels name programs.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace mla {

class MetricsServer {
 public:
  // 0: any free port. Throws Error when it cannot listen there.
  explicit MetricsServer(uint16_t port);
  ~MetricsServer();
  MetricsServer(const MetricsServer&) = delete;
  MetricsServer& operator=(const MetricsServer&) = delete;

  uint16_t port() const { return port_; }

  // What is answered from now on: by OpenMetrics to who accepts it, else in the text format.
  void publish(std::string openmetrics, std::string text);

 private:
  using Clock = std::chrono::steady_clock;
  struct Page {
    std::string openmetrics;
    std::string text;
  };
  enum class State { kReceiving, kSending, kEnding };
  struct Connection {
    int fd = -1;
    State state = State::kReceiving;
    Clock::time_point deadline;
    std::string request;
    std::string head;                         // of the answer
    std::shared_ptr<const std::string> body;  // may be null
    size_t sent = 0;                          // of head and body
  };

  void work();
  void accept_one();
  // These return false when the connection is done with.
  bool proceed(Connection& connection) const;
  bool receive_more(Connection& connection) const;
  static bool send_more(Connection& connection);
  static bool drain(Connection& connection);
  void answer(Connection& connection) const;

  int listener_ = -1;
  int stop_ = -1;  // an eventfd
  uint16_t port_ = 0;
  mutable std::mutex mutex_;
  std::shared_ptr<const Page> page_;     // null: nothing was published yet
  std::vector<Connection> connections_;  // of the thread alone
  std::thread thread_;
};

}  // namespace mla
