// Raw system calls: no errno, no cancellation point, no interposed symbol in between.
// Every function returns the kernel's value: >= 0, or -errno.
#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <time.h>

#include <cstddef>
#include <cstdint>

#if defined(__SANITIZE_THREAD__)
#include <errno.h>
#endif

namespace mla::sys {

#if defined(__x86_64__)
inline long call(long n, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0, long f = 0) {
  long result;
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
}
#elif defined(__aarch64__)
inline long call(long n, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0, long f = 0) {
  register long x8 __asm__("x8") = n;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  register long x4 __asm__("x4") = e;
  register long x5 __asm__("x5") = f;
  __asm__ volatile("svc 0"
                   : "+r"(x0)
                   : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
                   : "memory", "cc");
  return x0;
}
#else
#error "mla knows the system call convention of x86-64 and aarch64 only"
#endif

template <class T>
long arg(T* p) {
  return reinterpret_cast<long>(p);
}
inline bool failed(const void* p) { return reinterpret_cast<uintptr_t>(p) >= -4095UL; }
inline int error_of(const void* p) { return static_cast<int>(-reinterpret_cast<intptr_t>(p)); }

#if defined(__SANITIZE_THREAD__)
// Unit tests only: ThreadSanitizer has to see that memory is new, else it finds races with whatever
// was at the same addresses before.
inline void* mmap(void* at, size_t bytes, int protection, int flags, int fd, long offset) {
  void* p = ::mmap(at, bytes, protection, flags, fd, offset);
  return p == MAP_FAILED ? reinterpret_cast<void*>(static_cast<intptr_t>(-errno)) : p;
}
inline long munmap(void* at, size_t bytes) { return ::munmap(at, bytes) == 0 ? 0 : -errno; }
#else
inline void* mmap(void* at, size_t bytes, int protection, int flags, int fd, long offset) {
  return reinterpret_cast<void*>(
      call(SYS_mmap, arg(at), static_cast<long>(bytes), protection, flags, fd, offset));
}
inline long munmap(void* at, size_t bytes) {
  return call(SYS_munmap, arg(at), static_cast<long>(bytes));
}
#endif
inline long madvise(void* at, size_t bytes, int advice) {
  return call(SYS_madvise, arg(at), static_cast<long>(bytes), advice);
}
inline long mincore(const void* at, size_t bytes, unsigned char* resident) {
  return call(SYS_mincore, arg(at), static_cast<long>(bytes), arg(resident));
}
inline int open(const char* path, int flags, int mode = 0) {
  return static_cast<int>(call(SYS_openat, AT_FDCWD, arg(path), flags | O_CLOEXEC, mode));
}
inline long close(int fd) { return call(SYS_close, fd); }
inline long read(int fd, void* to, size_t bytes) {
  return call(SYS_read, fd, arg(to), static_cast<long>(bytes));
}
inline long write(int fd, const void* from, size_t bytes) {
  return call(SYS_write, fd, arg(from), static_cast<long>(bytes));
}
inline long pwrite(int fd, const void* from, size_t bytes, uint64_t offset) {
  return call(SYS_pwrite64, fd, arg(from), static_cast<long>(bytes), static_cast<long>(offset));
}
inline long ftruncate(int fd, uint64_t bytes) {
  return call(SYS_ftruncate, fd, static_cast<long>(bytes));
}
inline long fallocate(int fd, int mode, uint64_t offset, uint64_t bytes) {
  return call(SYS_fallocate, fd, mode, static_cast<long>(offset), static_cast<long>(bytes));
}
inline long fstat(int fd, struct stat* st) { return call(SYS_fstat, fd, arg(st)); }
inline long lstat(const char* path, struct stat* st) {
  return call(SYS_newfstatat, AT_FDCWD, arg(path), arg(st), AT_SYMLINK_NOFOLLOW);
}
inline long statfs(const char* path, struct statfs* st) {
  return call(SYS_statfs, arg(path), arg(st));
}
inline long mkdir(const char* path, int mode) {
  return call(SYS_mkdirat, AT_FDCWD, arg(path), mode);
}
inline long unlink(const char* path) { return call(SYS_unlinkat, AT_FDCWD, arg(path), 0); }
inline long readlink(const char* path, char* to, size_t bytes) {
  return call(SYS_readlinkat, AT_FDCWD, arg(path), arg(to), static_cast<long>(bytes));
}
inline long access(const char* path, int mode) {
  return call(SYS_faccessat, AT_FDCWD, arg(path), mode);
}
inline long getcwd(char* to, size_t bytes) {
  return call(SYS_getcwd, arg(to), static_cast<long>(bytes));
}
inline long uname(struct utsname* to) { return call(SYS_uname, arg(to)); }
inline uint32_t getpid() { return static_cast<uint32_t>(call(SYS_getpid)); }
inline uint32_t getppid() { return static_cast<uint32_t>(call(SYS_getppid)); }
inline uint32_t gettid() { return static_cast<uint32_t>(call(SYS_gettid)); }
inline uint32_t geteuid() { return static_cast<uint32_t>(call(SYS_geteuid)); }
inline long prctl(int option, void* a) { return call(SYS_prctl, option, arg(a)); }
inline long getrlimit(int what, struct rlimit* to) {
  return call(SYS_prlimit64, 0, what, 0, arg(to));
}
inline long execve(const char* path, char* const* argv, char* const* environment) {
  return call(SYS_execve, arg(path), arg(argv), arg(environment));
}

// CLOCK_MONOTONIC or CLOCK_REALTIME in ns; through the vDSO (libc adds neither errno nor a lock).
inline uint64_t now_ns(clockid_t clock) {
  struct timespec t = {};
  clock_gettime(clock, &t);
  return static_cast<uint64_t>(t.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(t.tv_nsec);
}

// Whether 8 bytes at `address` can be read, without a fault: the kernel copies the signal set in
// before it looks at `how`, and ~0 is no valid `how`, so nothing is changed. Same trick as Abseil's
// AddressIsReadable. `address` must be 8-byte aligned, else the answer covers only part of it.
inline bool readable(uintptr_t address) {
  return call(SYS_rt_sigprocmask, ~0L, static_cast<long>(address), 0, 8) != -14;  // -EFAULT
}

}  // namespace mla::sys
