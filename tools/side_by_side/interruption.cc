#include "side_by_side/interruption.h"

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "reader/error.h"

namespace mla {

Interruption::Interruption() {
  sigset_t handled;
  sigemptyset(&handled);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction now {};
    sigaction(signal, nullptr, &now);
    if (now.sa_handler != SIG_IGN) sigaddset(&handled, signal);  // nohup, a shell's "&"
  }
  sigprocmask(SIG_BLOCK, &handled, &mask_at_start_);
  fd_ = signalfd(-1, &handled, SFD_CLOEXEC);
  if (fd_ < 0) {
    throw Error("mla bench", std::strerror(errno), "free some file descriptors and try again");
  }
}

Interruption::~Interruption() {
  close(fd_);
  sigprocmask(SIG_SETMASK, &mask_at_start_, nullptr);
}

void Interruption::wait(const std::vector<int>& descriptors, int milliseconds) const {
  std::vector<pollfd> polled{{fd_, POLLIN, 0}};
  for (const int descriptor : descriptors) polled.push_back({descriptor, POLLIN, 0});
  poll(polled.data(), polled.size(), milliseconds);
  if ((polled[0].revents & POLLIN) == 0) return;
  signalfd_siginfo info{};
  if (read(fd_, &info, sizeof info) != sizeof info) return;
  throw Interrupted{static_cast<int>(info.ssi_signo)};
}

}  // namespace mla
