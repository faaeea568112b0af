#include "capture/reference_unwinder.h"

#include <dlfcn.h>

#define UNW_LOCAL_ONLY
#include <libunwind.h>

#include "capture/thread_local.h"

namespace mla {

namespace {

#define MLA_STRING2(x) #x
#define MLA_STRING(x) MLA_STRING2(x)

struct Functions {
  int (*get_context)(unw_context_t*);
  int (*init)(unw_cursor_t*, unw_context_t*);
  int (*step)(unw_cursor_t*);
  int (*get_reg)(unw_cursor_t*, int, unw_word_t*);
  void (*flush_cache)(unw_addr_space_t, unw_word_t, unw_word_t);
  unw_addr_space_t* address_space;
};
Functions unw;
bool loaded;
bool forced_by_user;

template <class T>
bool find(void* library, const char* name, T& out) {
  out = reinterpret_cast<T>(dlsym(library, name));
  return out != nullptr;
}

}  // namespace

bool load_reference_unwinder(bool forced) {
  void* library = dlopen("libunwind.so.8", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return false;
  // The macros of libunwind.h give the architecture's names, such as _ULx86_64_step.
  loaded = find(library, MLA_STRING(unw_tdep_getcontext), unw.get_context) &&
           find(library, MLA_STRING(unw_init_local), unw.init) &&
           find(library, MLA_STRING(unw_step), unw.step) &&
           find(library, MLA_STRING(unw_get_reg), unw.get_reg) &&
           find(library, MLA_STRING(unw_flush_cache), unw.flush_cache) &&
           find(library, MLA_STRING(unw_local_addr_space), unw.address_space);
  forced_by_user = loaded && forced;
  return loaded;
}

void drop_reference_unwinder() { loaded = forced_by_user = false; }

bool reference_unwinder_forced() { return forced_by_user; }

namespace {

class CallingOut {
 public:
  CallingOut() { thread_local_state.calling_out = true; }
  ~CallingOut() { thread_local_state.calling_out = false; }
};

// The frame the kernel makes for a signal handler, recognised as gdb does it: its code is the call
// of sigreturn. libunwind's is_signal_frame tells it of the frame further out, and of that not
// always.
bool is_signal_return(unw_word_t pc) {
#if defined(__x86_64__)  // mov $15, %rax; syscall
  constexpr uint8_t kCode[] = {0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05};
#else  // mov x8, #139; svc #0
  constexpr uint8_t kCode[] = {0x68, 0x11, 0x80, 0xd2, 0x01, 0, 0, 0xd4};
#endif
  return __builtin_memcmp(reinterpret_cast<const void*>(pc), kCode, sizeof kCode) == 0;
}

bool unwind(const CallContext& from, CapturedStack& out) {
  unw_context_t context;
  unw_cursor_t cursor;
  unw.get_context(&context);
  if (unw.init(&cursor, &context) != 0) return false;
  // Skip the frames of mla: the caller's frame is the one whose stack pointer is the hook's CFA.
  unw_word_t pc = 0;
  unw_word_t sp = 0;
  constexpr int kMostOwnFrames = 16;
  int own = 0;
  do {
    if (++own > kMostOwnFrames || unw.step(&cursor) <= 0) return false;
    unw.get_reg(&cursor, UNW_REG_IP, &pc);
    unw.get_reg(&cursor, UNW_REG_SP, &sp);
  } while (pc != from.pc || sp != from.sp);
  out.depth = 0;
  out.pcs[out.depth++] = pc;
  for (;;) {
    if (out.depth == format::kMaxStackDepth) {
      out.end = StackEnd::kTruncated;
      return true;
    }
    const bool from_signal = is_signal_return(pc);
    const int more = unw.step(&cursor);
    if (more > 0) unw.get_reg(&cursor, UNW_REG_IP, &pc);
    if (more <= 0 || pc < 0x1000) {
      out.end = more < 0 ? StackEnd::kIncomplete : StackEnd::kComplete;
      return true;
    }
    out.pcs[out.depth++] = pc | (from_signal ? format::kPcExact : 0);
  }
}

}  // namespace

bool reference_unwind(const CallContext& from, CapturedStack& out) {
  if (!loaded) return false;
  const CallingOut calling_out;
  return unwind(from, out);
}

void forget_reference_caches() {
  if (!loaded) return;
  const CallingOut calling_out;
  unw.flush_cache(*unw.address_space, 0, 0);
}

}  // namespace mla
