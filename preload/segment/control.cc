#include "segment/control.h"

#include <pthread.h>

#include "segment/own_memory.h"
#include "segment/sys.h"

namespace mla {

namespace {

Control boot_control;
bool kernel_wipes = true;
void (*after_libc_fork)(bool in_child);

void in_parent() { after_libc_fork(false); }

void in_child() {
  // Linux before 4.14 cannot wipe the page: there only fork() through libc is noticed.
  if (!kernel_wipes) set_mode(Mode::kUnset);
  after_libc_fork(true);
}

}  // namespace

Control* control = &boot_control;

bool map_control_page() {
  void* page = own_map(4096);
  if (page == nullptr) return false;
  kernel_wipes = sys::madvise(page, 4096, MADV_WIPEONFORK) == 0;
  control = static_cast<Control*>(page);
  return true;
}

void watch_libc_forks(void (*before)(), void (*after)(bool in_child)) {
  after_libc_fork = after;
  pthread_atfork(before, in_parent, in_child);
}

}  // namespace mla
