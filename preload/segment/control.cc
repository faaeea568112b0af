#include "segment/control.h"

#include <pthread.h>

#include "segment/own_memory.h"
#include "segment/sys.h"

namespace mla {

namespace {
Control boot_control;
void forget_mode() { set_mode(Mode::kUnset); }
}  // namespace

Control* control = &boot_control;

bool map_control_page() {
  void* page = own_map(4096);
  if (page == nullptr) return false;
  // Linux before 4.14 cannot wipe: there only fork() through libc is noticed.
  if (sys::madvise(page, 4096, MADV_WIPEONFORK) != 0) pthread_atfork(nullptr, nullptr, forget_mode);
  control = static_cast<Control*>(page);
  return true;
}

}  // namespace mla
