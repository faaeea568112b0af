// While one exists, no signal reaches the calling thread: a handler of the host can neither find
// what is half done, nor jump away from it for ever. But for glibc's own two, whose handlers do
// neither: setuid() and its like wait until every thread has answered one of them.
#pragma once

#include <cstdint>

#include "segment/sys.h"

namespace mla {

class SignalsHeld {
 public:
  SignalsHeld() {
    constexpr uint64_t kOfGlibc = uint64_t{3} << 31;  // SIGCANCEL, SIGSETXID: 32 and 33
    const uint64_t all = ~kOfGlibc;
    sys::call(SYS_rt_sigprocmask, 0 /* SIG_BLOCK */, sys::arg(&all), sys::arg(&signals_), 8);
  }
  ~SignalsHeld() { sys::call(SYS_rt_sigprocmask, 2 /* SIG_SETMASK */, sys::arg(&signals_), 0, 8); }
  SignalsHeld(const SignalsHeld&) = delete;
  SignalsHeld& operator=(const SignalsHeld&) = delete;

  // What the thread had blocked before.
  uint64_t before() const { return signals_; }

 private:
  uint64_t signals_;
};

}  // namespace mla
