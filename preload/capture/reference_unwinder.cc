#include "capture/reference_unwinder.h"

#include <dlfcn.h>
#include <errno.h>

#include <atomic>

#define UNW_LOCAL_ONLY
#include <libunwind.h>

#include "capture/thread_local.h"
#include "segment/sys.h"

namespace mla {

namespace {

#define MLA_STRING2(x) #x
#define MLA_STRING(x) MLA_STRING2(x)

// The registers of the function it stands in. For aarch64, libunwind has no function that does it,
// but assembly in its header.
#if defined(__x86_64__)
#define MLA_GET_CONTEXT(context) unw.get_context(context)
#else
#define MLA_GET_CONTEXT(context) unw_tdep_getcontext(context)
#endif

struct Functions {
#if defined(__x86_64__)
  int (*get_context)(unw_context_t*);
#endif
  int (*init)(unw_cursor_t*, unw_context_t*);
  int (*step)(unw_cursor_t*);
  int (*get_reg)(unw_cursor_t*, int, unw_word_t*);
  void (*flush_cache)(unw_addr_space_t, unw_word_t, unw_word_t);
  unw_addr_space_t* address_space;
  unw_accessors_t* (*get_accessors)(unw_addr_space_t);
  int (*set_caching_policy)(unw_addr_space_t, unw_caching_policy_t);
};
Functions unw;
std::atomic<bool> loaded;  // set last: threads may run already
bool forced_by_user;

template <class T>
bool find(void* library, const char* name, T& out) {
  out = reinterpret_cast<T>(dlsym(library, name));
  return out != nullptr;
}

// Whether the 8 bytes at any address can be read.
bool readable(unw_word_t address) {
  constexpr unw_word_t kWord = 7;
  return sys::readable(address & ~kWord) && sys::readable((address + kWord) & ~kWord);
}

// libunwind tells whether memory can be read by writing it into a pipe, which it opens for ever.
// Once a program closes all its descriptors and opens others, these are its files that libunwind
// reads and writes. So memory is read by this function instead, and the pipe is closed.
int read_memory(unw_addr_space_t, unw_word_t address, unw_word_t* value, int write, void*) {
  if (write != 0 || !readable(address)) return -UNW_EINVAL;
  __builtin_memcpy(value, reinterpret_cast<const void*>(address), sizeof *value);
  return 0;
}

uint64_t inode_of_pipe(int fd) {
  struct stat st = {};
  return sys::fstat(fd, &st) == 0 && (st.st_mode & S_IFMT) == S_IFIFO ? st.st_ino : 0;
}

bool replace_memory_access() {
  // The pipe gets the numbers that one made just before got.
  int fd[2] = {-1, -1};
  if (sys::call(SYS_pipe2, sys::arg(fd), O_CLOEXEC) == 0) {
    sys::close(fd[0]);
    sys::close(fd[1]);
  }
  unw_context_t context;
  unw_cursor_t cursor;
  MLA_GET_CONTEXT(&context);
  const bool good =
      unw.init(&cursor, &context) == 0;  // its own start-up, which would undo the following
  const uint64_t pipe = fd[0] < 0 ? 0 : inode_of_pipe(fd[0]);
  if (pipe != 0 && pipe == inode_of_pipe(fd[1])) {
    sys::close(fd[0]);
    sys::close(fd[1]);
  }
  unw.get_accessors(*unw.address_space)->access_mem = read_memory;
  return good;
}

}  // namespace

bool load_reference_unwinder(bool forced, bool cached) {
  void* library = dlopen("libunwind.so.8", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return false;
  // The macros of libunwind.h give the architecture's names, such as _ULx86_64_step.
  bool good = find(library, MLA_STRING(unw_init_local), unw.init) &&
              find(library, MLA_STRING(unw_step), unw.step) &&
              find(library, MLA_STRING(unw_get_reg), unw.get_reg) &&
              find(library, MLA_STRING(unw_flush_cache), unw.flush_cache) &&
              find(library, MLA_STRING(unw_local_addr_space), unw.address_space) &&
              find(library, MLA_STRING(unw_get_accessors), unw.get_accessors) &&
              find(library, MLA_STRING(unw_set_caching_policy), unw.set_caching_policy);
#if defined(__x86_64__)
  good = good && find(library, MLA_STRING(unw_tdep_getcontext), unw.get_context);
#endif
  good = good && replace_memory_access();
  // libunwind holds the lock of its cache while it waits for the loader's: a deadlock with a
  // program that allocates in a callback of dl_iterate_phdr. As a fallback it does without; where
  // every stack is to be checked or made by it, that would be too slow.
  if (good && !cached) unw.set_caching_policy(*unw.address_space, UNW_CACHE_NONE);
  forced_by_user = good && forced;
  loaded.store(good, std::memory_order_release);
  return good;
}

void drop_reference_unwinder() {
  forced_by_user = false;
  loaded.store(false, std::memory_order_relaxed);
}

bool reference_unwinder_forced() { return forced_by_user; }

namespace {

// The library may allocate and change errno.
class CallingOut {
 public:
  CallingOut() : errno_(errno) { thread_local_state.calling_out = true; }
  ~CallingOut() {
    thread_local_state.calling_out = false;
    errno = errno_;
  }
  CallingOut(const CallingOut&) = delete;
  CallingOut& operator=(const CallingOut&) = delete;

 private:
  int errno_;
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
  // A frame pointer followed on a guess leads to addresses that are no code at all.
  return readable(pc) && readable(pc + sizeof kCode - sizeof pc) &&
         __builtin_memcmp(reinterpret_cast<const void*>(pc), kCode, sizeof kCode) == 0;
}

bool unwind(const CallContext& from, CapturedStack& out) {
  unw_context_t context;
  unw_cursor_t cursor;
  MLA_GET_CONTEXT(&context);
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
    const bool from_signal = is_signal_return(pc);
    const int more = unw.step(&cursor);
    if (more > 0) unw.get_reg(&cursor, UNW_REG_IP, &pc);
    if (more <= 0 || pc < 0x1000) {
      out.end = more < 0 ? StackEnd::kIncomplete : StackEnd::kComplete;
      return true;
    }
    if (out.depth == format::kMaxStackDepth) {
      out.depth = format::kTruncatedDepth;
      out.end = StackEnd::kTruncated;
      return true;
    }
    out.pcs[out.depth++] = pc | (from_signal ? format::kPcExact : 0);
  }
}

}  // namespace

bool reference_unwind(const CallContext& from, CapturedStack& out) {
  if (!loaded.load(std::memory_order_acquire)) return false;
  const CallingOut calling_out;
  return unwind(from, out);
}

void forget_reference_caches() {
  if (!loaded.load(std::memory_order_acquire)) return;
  const CallingOut calling_out;
  unw.flush_cache(*unw.address_space, 0, 0);
}

}  // namespace mla
