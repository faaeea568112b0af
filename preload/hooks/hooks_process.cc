// The end of the process and of libraries.
#include "capture/lifecycle.h"
#include "capture/module_unload.h"
#include "capture/thread_local.h"
#include "hooks/hook.h"
#include "hooks/python_library.h"
#include "segment/control.h"
#include "segment/sys.h"

namespace {

template <class F>
F libc_function(const char* name) {
  const struct link_map* o = mla::find_definer(mla::own_object(), name);
  return o == nullptr ? nullptr : reinterpret_cast<F>(mla::find_function(o, name));
}

[[noreturn]] void leave(int code) {
  mla::note_exit(code & 0xff, true);
  for (;;) mla::sys::call(SYS_exit_group, code);
}

}  // namespace

// exit() does not come by here, but runs the destructors, among them mla's.
MLA_HOOK void _exit(int code) { leave(code); }
MLA_HOOK void _Exit(int code) { leave(code); }

MLA_HOOK int dlclose(void* handle) {
  const auto real = libc_function<int (*)(void*)>("dlclose");
  if (real == nullptr) return -1;
  int result = 0;
  {
    const mla::PythonUnloadScope python;
    result = real(handle);
  }
  mla::forget_operators();
  const mla::ReentryGuard guard;
  if (guard.entered() && mla::is_recording(mla::current_mode())) mla::drop_unloaded_modules();
  return result;
}
