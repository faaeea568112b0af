// ^C and its like, noticed where it is safe to stop.
#pragma once

#include <csignal>
#include <vector>

namespace mla {

struct Interrupted {
  int signal;
};

// While one exists, SIGINT, SIGTERM and SIGHUP do not end this process: waiting here throws.
class Interruption {
 public:
  Interruption();
  ~Interruption();
  Interruption(const Interruption&) = delete;
  Interruption& operator=(const Interruption&) = delete;

  // Waits until one of `descriptors` can be read, or for so long. Throws Interrupted.
  void wait(const std::vector<int>& descriptors, int milliseconds) const;

  // What a program that is started must be given back.
  const sigset_t& mask_at_start() const { return mask_at_start_; }

 private:
  int fd_ = -1;
  sigset_t mask_at_start_{};
};

}  // namespace mla
