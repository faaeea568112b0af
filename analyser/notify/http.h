// One HTTP request, by libcurl.
#pragma once

#include <atomic>
#include <string>
#include <vector>

namespace mla {

struct HttpRequest {
  std::string url;                   // http or https; may hold a user and password or a key
  std::vector<std::string> headers;  // "Name: value"
  std::string body;
};

enum class Outcome {
  kSent,
  kTryAgain,  // no answer, or one that may change
  kRefused,   // trying again is no use
};

// Why there was no answer.
enum class Silence {
  kNone,  // there was one
  kUnknownHost,
  kNoConnection,
  kTimeOut,
  kBrokenOff,
  kCertificate,  // TLS failed, or the server's certificate is not to be trusted
  kOther,
};

struct HttpAnswer {
  Outcome outcome = Outcome::kSent;
  std::string why;           // without any secret; empty when sent
  long status = 0;           // NOLINT(google-runtime-int): curl's type; 0: there was no answer
  std::string body;          // at most 64 KiB of it
  double retry_after_s = 0;  // what the server asked for; 0: nothing
  Silence silence = Silence::kNone;
  std::string moved_to;  // 3xx: the whole address the server names; may hold a password or a key
};

// POSTs it within the time limit; from any thread `aborted` breaks it off. Statuses: 2xx is sent,
// 408, 429 and 5xx may pass, what else is refused. Redirects are not followed. Throws Error where
// libcurl is missing.
HttpAnswer http_post(const HttpRequest& request, double time_limit_s,
                     const std::atomic<bool>& aborted);

// One may come next time, as of a server that is just being restarted.
bool may_pass(Silence silence);

// Of "https://user:password@host:port/path?key" the part "host:port": fit to be printed.
std::string host_of(const std::string& url);

}  // namespace mla
