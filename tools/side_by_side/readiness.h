// Whether a server answers yet.
#pragma once

#include <string>

namespace mla {

class Readiness {
 public:
  // "HOST:PORT": ready once a TCP connection is accepted. "http://HOST[:PORT][/PATH]": once a GET
  // is answered with a status from 200 to 399. Throws Error for anything else.
  explicit Readiness(const std::string& address);

  // Tries once, for half a second at most.
  bool answers() const;

  // Whether anything accepts connections there: before the server runs, it is not the server.
  bool accepts() const;

 private:
  int connect_now() const;  // a socket, or -1

  std::string host_;
  std::string port_;
  std::string path_;  // empty: a connection is enough
};

}  // namespace mla
