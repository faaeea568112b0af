// Filters of system calls. One that the program installs for itself allows what the program needs
// from then on, and may end it for anything else; mla's own calls are not on that list. So
// recording ends before a filter begins, and no hook makes a call of its own after it.
//
// A filter is installed by prctl() or, for want of a function of its own, by syscall(): libseccomp,
// Chromium and OpenSSH do one or the other. Both are forwarded.
#include <linux/seccomp.h>

#include <atomic>

#include "capture/lifecycle.h"
#include "hooks/hook.h"

namespace {

constexpr int kSetSeccomp = 22;  // PR_SET_SECCOMP
static_assert(SYS_seccomp == 317 || SYS_seccomp == 277);

// Without a filter it is a question whether there could be one; libseccomp asks for the strict mode
// with flags that are refused.
bool installs_filter(long operation, long flags, long filter) {
  return operation == SECCOMP_SET_MODE_STRICT   ? flags == 0 && filter == 0
         : operation == SECCOMP_SET_MODE_FILTER ? filter != 0
                                                : false;
}

using Prctl = int (*)(int, long, long, long, long);
std::atomic<Prctl> real_prctl;

// The next definition: libc's, or of a library that is preloaded behind this one.
template <class Function>
Function next_of(std::atomic<Function>& known, const char* name) {
  Function real = known.load(std::memory_order_relaxed);
  if (real == nullptr) {
    const struct link_map* o = mla::find_definer(mla::own_object(), name);
    real = reinterpret_cast<Function>(mla::find_function(o, name));
    known.store(real, std::memory_order_relaxed);
  }
  return real;
}

}  // namespace

// libc declares both with "...", which no forwarding gets out of again.
MLA_HOOK int hook_prctl(int option, long a, long b, long c, long d) __asm__("prctl");
MLA_HOOK long hook_syscall(long n, long a, long b, long c, long d, long e,
                           long f) __asm__("syscall");

int hook_prctl(int option, long a, long b, long c, long d) {
  if (option == kSetSeccomp && (a == SECCOMP_MODE_STRICT || (a == SECCOMP_MODE_FILTER && b != 0))) {
    mla::stop_before_filter();
  }
  return next_of(real_prctl, "prctl")(option, a, b, c, d);
}

extern "C" {
using Syscall = long (*)(long, long, long, long, long, long, long);

// libc's, once it is known. It is jumped to, so that a thread that waits in it is seen in libc.
__attribute__((visibility("hidden"))) std::atomic<Syscall> mla_real_syscall;

__attribute__((visibility("hidden"), used)) Syscall mla_before_syscall(long n, long operation,
                                                                       long flags, long filter) {
  if (n == SYS_seccomp && installs_filter(operation, flags, filter)) mla::stop_before_filter();
  return next_of(mla_real_syscall, "syscall");
}
}

#if defined(__x86_64__)
// The last argument, if there is one, is on the caller's stack. What is there otherwise is the
// caller's own, and may be changing: a compiler would load it and store it back.
__asm__(R"(
  .text
  .globl syscall
  .type syscall, @function
syscall:
  .cfi_startproc
  cmpq $317, %rdi
  je 1f
  movq mla_real_syscall(%rip), %rax
  testq %rax, %rax
  je 1f
  jmp *%rax
1:
  pushq %rdi
  .cfi_adjust_cfa_offset 8
  pushq %rsi
  .cfi_adjust_cfa_offset 8
  pushq %rdx
  .cfi_adjust_cfa_offset 8
  pushq %rcx
  .cfi_adjust_cfa_offset 8
  pushq %r8
  .cfi_adjust_cfa_offset 8
  pushq %r9
  .cfi_adjust_cfa_offset 8
  subq $8, %rsp
  .cfi_adjust_cfa_offset 8
  call mla_before_syscall
  addq $8, %rsp
  .cfi_adjust_cfa_offset -8
  popq %r9
  .cfi_adjust_cfa_offset -8
  popq %r8
  .cfi_adjust_cfa_offset -8
  popq %rcx
  .cfi_adjust_cfa_offset -8
  popq %rdx
  .cfi_adjust_cfa_offset -8
  popq %rsi
  .cfi_adjust_cfa_offset -8
  popq %rdi
  .cfi_adjust_cfa_offset -8
  jmp *%rax
  .cfi_endproc
  .size syscall, . - syscall
)");
#else
long hook_syscall(long n, long a, long b, long c, long d, long e, long f) {
  return mla_before_syscall(n, a, b, c)(n, a, b, c, d, e, f);
}
#endif
