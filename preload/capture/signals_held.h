// While one exists, no signal reaches the calling thread: a handler of the host can neither find
// what is half done, nor jump away from it for ever.
#pragma once

#include <cstdint>

#include "segment/sys.h"

namespace mla {

class SignalsHeld {
 public:
  SignalsHeld() {
    const uint64_t all = ~uint64_t{0};
    sys::call(SYS_rt_sigprocmask, 0 /* SIG_BLOCK */, sys::arg(&all), sys::arg(&signals_), 8);
  }
  ~SignalsHeld() { sys::call(SYS_rt_sigprocmask, 2 /* SIG_SETMASK */, sys::arg(&signals_), 0, 8); }
  SignalsHeld(const SignalsHeld&) = delete;
  SignalsHeld& operator=(const SignalsHeld&) = delete;

 private:
  uint64_t signals_;
};

}  // namespace mla
