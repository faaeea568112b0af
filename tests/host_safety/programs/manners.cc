// What a program may rely on around malloc, checked from inside: prints what is broken and exits 1.
//
// Usage: manners WHAT
//   errno, float     are left alone by every call of the malloc family
//   small-stacks     threads with stacks of 16 KiB allocate
//   late             atexit handlers, destructors, thread-local destructors and detached threads
//                    allocate while the process ends (exit code 5)
//   handler          signal handlers allocate, storms of SIGPROF included; siglongjmp out of them
//   dlopen LIBRARY   64 threads allocate while libraries are loaded and unloaded
//   same-id          threads that all have one id, one after the other, some of which allocate
//   after
//                    their end (exit code 77: the kernel lets nobody choose ids here)
//   usable           malloc_usable_size, zero sizes, failures, overflow: as the C library documents
#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>
#include <sys/time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cfenv>
#include <climits>
#include <csetjmp>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace {

int broken;

void check(bool good, const char* what) {
  if (good) return;
  std::fprintf(stderr, "broken: %s\n", what);
  ++broken;
}

// Opaque to the compiler, so that no allocation is removed.
void* volatile keep;

void check_errno() {
  const auto unchanged = [](const char* what) {
    check(errno == 12345, what);
    errno = 12345;
  };
  // Often enough for ticks, new blocks of tables and thread names to fall into it.
  for (size_t i = 0; i < 100000; ++i) {
    errno = 12345;
    void* p = std::malloc(16 + i % 3000);
    unchanged("errno after malloc");
    p = std::realloc(p, 32 + i % 5000);
    unchanged("errno after realloc");
    std::free(p);
    unchanged("errno after free");
  }
  void* p = std::calloc(10, 10);
  unchanged("errno after calloc");
  std::free(p);
  check(posix_memalign(&p, 64, 100) == 0, "posix_memalign");
  unchanged("errno after posix_memalign");
  keep = p;
  delete new int;
  unchanged("errno after new and delete");
  std::free(nullptr);
  unchanged("errno after free(NULL)");
}

void check_float() {
  std::fesetround(FE_UPWARD);
  std::feclearexcept(FE_ALL_EXCEPT);
  std::feraiseexcept(FE_INEXACT);
  const volatile double one = 1.0;
  const volatile double three = 3.0;
  const double third = one / three;
#if defined(__x86_64__)
  _mm_setcsr(_mm_getcsr() | 0x8040);  // flush to zero, denormals are zero
  const unsigned before = _mm_getcsr();
#endif
  for (size_t i = 0; i < 100000; ++i) std::free(std::malloc(1 + i % 2000));
#if defined(__x86_64__)
  check(_mm_getcsr() == before, "MXCSR");
#endif
  check(std::fegetround() == FE_UPWARD, "rounding mode");
  check(std::fetestexcept(FE_ALL_EXCEPT) == FE_INEXACT, "floating-point exceptions");
  check(one / three == third, "result of a division");
}

void* small_stack_work(void*) {
  for (int i = 0; i < 2000; ++i) std::free(std::malloc(static_cast<size_t>(1 + i % 500)));
  return nullptr;
}

void check_small_stacks() {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  check(pthread_attr_setstacksize(&attributes, 16 * 1024) == 0, "pthread_attr_setstacksize");
  pthread_attr_setguardsize(&attributes, 4096);
  for (int round = 0; round < 20; ++round) {
    pthread_t threads[8];
    for (pthread_t& thread : threads) {
      check(pthread_create(&thread, &attributes, small_stack_work, nullptr) == 0, "thread");
    }
    for (const pthread_t thread : threads) pthread_join(thread, nullptr);
  }
}

void churn(int n) {
  for (int i = 0; i < n; ++i) {
    std::string* s = new std::string(static_cast<size_t>(i % 900), 'x');
    keep = s;
    delete s;
  }
}

struct LateAllocator {
  ~LateAllocator() { churn(1000); }
};
thread_local LateAllocator at_thread_end;
LateAllocator at_program_end;

void late_key(void*) { churn(1000); }

[[noreturn]] void end_late() {
  std::atexit([] { churn(1000); });
  pthread_key_t key = 0;
  pthread_key_create(&key, late_key);
  std::vector<std::thread> threads;
  for (int i = 0; i < 20; ++i) {
    threads.emplace_back([key] {
      keep = &at_thread_end;
      pthread_setspecific(key, &at_thread_end);
      churn(100);
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (int i = 0; i < 4; ++i) {
    std::thread([] {
      for (;;) churn(100);
    }).detach();
  }
  usleep(20000);
  std::exit(5);
}

sigjmp_buf back;
std::atomic<int> handled;

void allocate_in_handler(int) {
  const int kept = errno;
  // Not allowed by POSIX, but done; glibc's malloc is not entered again by the same thread here,
  // for this program interrupts itself outside of it.
  std::free(std::malloc(100));
  ++handled;
  errno = kept;
}

void jump_out(int) { siglongjmp(back, 1); }

void check_handlers() {
  std::signal(SIGUSR1, allocate_in_handler);
  for (int i = 0; i < 2000; ++i) {
    std::free(std::malloc(10));
    raise(SIGUSR1);
  }
  check(handled == 2000, "handlers that allocate");
  // A storm that interrupts mla anywhere; the handler does nothing.
  std::signal(SIGPROF, [](int) { ++handled; });
  const itimerval often{{0, 100}, {0, 100}};
  setitimer(ITIMER_PROF, &often, nullptr);
  for (int i = 0; i < 200000; ++i) std::free(std::malloc(static_cast<size_t>(1 + i % 1000)));
  const itimerval never{};
  setitimer(ITIMER_PROF, &never, nullptr);
  // Leaving a handler by siglongjmp leaves whatever was interrupted. Here that is no allocator.
  std::signal(SIGUSR2, jump_out);
  for (int i = 0; i < 1000; ++i) {
    if (sigsetjmp(back, 1) == 0) raise(SIGUSR2);
    std::free(std::malloc(10));
  }
}

void check_dlopen(const char* library) {
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (int i = 0; i < 64; ++i) {
    threads.emplace_back([&stop] {
      while (!stop) churn(50);
    });
  }
  for (int i = 0; i < 100; ++i) {
    void* handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    check(handle != nullptr, "dlopen");
    if (handle == nullptr) break;
    const auto allocate = reinterpret_cast<void* (*)(size_t)>(dlsym(handle, "plugin_allocate"));
    for (int k = 0; k < 20; ++k) std::free(allocate(100));
    dlclose(handle);
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
}

// Which id the kernel gives to what is started next.
bool choose_next_id(pid_t id) {
  std::FILE* file = std::fopen("/proc/sys/kernel/ns_last_pid", "we");
  if (file == nullptr) return false;
  const bool written = std::fprintf(file, "%d", id - 1) > 0;
  return std::fclose(file) == 0 && written;
}

[[gnu::noinline]] void allocate_in_thread(size_t bytes) {
  for (int i = 0; i < 100; ++i) std::free(std::malloc(bytes));
}

void check_same_id() {
  constexpr int kThreads = 50;
  // Its destructor runs after mla's, in the second round: it sets its own value once more.
  static pthread_key_t late;
  pthread_key_create(&late, [](void* rounds) {
    allocate_in_thread(200);
    const auto left = reinterpret_cast<uintptr_t>(rounds) - 1;
    if (left != 0) pthread_setspecific(late, reinterpret_cast<void*>(left));
  });
  pid_t wanted = 0;
  int same = 0;
  for (int i = 0; i < 10 * kThreads && same < kThreads; ++i) {
    if (wanted != 0 && !choose_next_id(wanted)) std::exit(77);
    std::thread([&wanted, &same, i] {
      if (wanted == 0) wanted = gettid();
      if (gettid() == wanted) ++same;  // else another process was faster
      if (i % 2 == 0) pthread_setspecific(late, reinterpret_cast<void*>(3));
      allocate_in_thread(100);
    }).join();
  }
  check(same == kThreads, "one id for all threads");
}

void check_usable() {
  volatile size_t huge = PTRDIFF_MAX;
  volatile size_t half = SIZE_MAX / 2;
  errno = 0;
  check(std::malloc(huge + 1) == nullptr && errno == ENOMEM, "malloc beyond PTRDIFF_MAX");
  check(std::calloc(half, 3) == nullptr, "calloc that overflows");
  check(reallocarray(nullptr, half, 3) == nullptr, "reallocarray that overflows");
  void* untouched = &untouched;
  check(posix_memalign(&untouched, 3, 8) == EINVAL && untouched == &untouched,
        "posix_memalign with a bad alignment");
  check(posix_memalign(&untouched, 64, half) == ENOMEM && untouched == &untouched,
        "posix_memalign without memory");
  char* p = static_cast<char*>(std::malloc(100));
  std::memset(p, 7, 100);
  check(std::realloc(p, huge) == nullptr, "realloc without memory");
  check(p[99] == 7, "block after a realloc that failed");
  check(malloc_usable_size(p) >= 100, "malloc_usable_size");
  std::memset(p, 8, malloc_usable_size(p));
  std::free(p);
  check(malloc_usable_size(nullptr) == 0, "malloc_usable_size(NULL)");
  void* empty = std::malloc(0);
  check(empty != nullptr, "malloc(0)");
  std::free(empty);
  for (size_t alignment = 8; alignment <= 1 << 20; alignment *= 2) {
    check(posix_memalign(&untouched, alignment, 10) == 0, "posix_memalign");
    check(reinterpret_cast<uintptr_t>(untouched) % alignment == 0, "alignment");
    std::free(untouched);
  }
}

}  // namespace

int main(int count, char** arguments) {
  const std::string what = count > 1 ? arguments[1] : "";
  if (what == "errno") {
    check_errno();
  } else if (what == "float") {
    check_float();
  } else if (what == "small-stacks") {
    check_small_stacks();
  } else if (what == "late") {
    end_late();
  } else if (what == "handler") {
    check_handlers();
  } else if (what == "dlopen") {
    check_dlopen(arguments[2]);
  } else if (what == "same-id") {
    check_same_id();
  } else if (what == "usable") {
    check_usable();
  } else {
    return 2;
  }
  keep = nullptr;
  return broken == 0 ? 0 : 1;
}
