// How a notification leaves this process.
#pragma once

#include <atomic>
#include <string>

#include "notify/http.h"
#include "notify/message.h"
#include "notify/target.h"

namespace mla {

struct Attempt {
  Outcome outcome = Outcome::kSent;
  std::string why;  // without any secret; empty when sent
};

class Transport {
 public:
  virtual ~Transport() = default;
  // Takes at most the time limit.
  virtual Attempt send(const Target& target, const Change& change, const Message& message) = 0;
};

inline constexpr double kTimeLimitSeconds = 10;

// Throws Error where HTTP cannot be spoken: libcurl is missing.
void check_transport();

// HTTP by libcurl; mail by /usr/sbin/sendmail -t, or $MLA_SENDMAIL; commands by /bin/sh -c.
class SystemTransport : public Transport {
 public:
  explicit SystemTransport(double time_limit_s) : time_limit_s_(time_limit_s) {}

  Attempt send(const Target& target, const Change& change, const Message& message) override;
  // From any thread: what is being sent fails at once, to be tried again.
  void abort() { aborted_ = true; }

 private:
  Attempt post(const Target& target, const std::string& body) const;
  Attempt run(const std::vector<std::string>& command, const Fields& fields,
              const std::string& input) const;

  double time_limit_s_;
  std::atomic<bool> aborted_ = false;
};

}  // namespace mla
