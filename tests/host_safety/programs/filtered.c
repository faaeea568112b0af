// Executes a command under a filter of system calls.
//
// Usage: filtered only NAME,NAME... COMMAND...   the kernel ends it for any but these, and those
// that
//                                                the command needs without mla
//        filtered without NAME,... COMMAND...    these fail with EPERM
// Exit code 77: no filter may be installed here.
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CALL(name) \
  { #name, SYS_##name }

static const struct Call {
  const char* name;
  unsigned number;
} kCalls[] = {
    CALL(clock_gettime),  CALL(close),       CALL(execve),    CALL(exit_group),  CALL(faccessat),
    CALL(fallocate),      CALL(fstat),       CALL(ftruncate), CALL(getcwd),      CALL(getdents64),
    CALL(geteuid),        CALL(getpid),      CALL(getppid),   CALL(gettid),      CALL(madvise),
    CALL(mincore),        CALL(mkdirat),     CALL(mmap),      CALL(mprotect),    CALL(mremap),
    CALL(munmap),         CALL(newfstatat),  CALL(openat),    CALL(pipe2),       CALL(prctl),
    CALL(pread64),        CALL(prlimit64),   CALL(pwrite64),  CALL(read),        CALL(readlinkat),
    CALL(rt_sigprocmask), CALL(sched_yield), CALL(seccomp),   CALL(sigaltstack), CALL(statfs),
    CALL(tgkill),         CALL(uname),       CALL(unlinkat),  CALL(write),
};

// What a program with threads makes of itself: the loader, the C library, the allocators.
static const unsigned kOwn[] = {
    SYS_access,
    SYS_arch_prctl,
    SYS_brk,
    SYS_clone3,
    SYS_clone,
    SYS_close,
    SYS_execve,
    SYS_exit,
    SYS_exit_group,
    SYS_fstat,
    SYS_futex,
    SYS_getpid,
    SYS_getrandom,
    SYS_gettid,
    SYS_lseek,
    SYS_madvise,
    SYS_mmap,
    SYS_mprotect,
    SYS_mremap,
    SYS_munmap,
    SYS_newfstatat,
    SYS_open,
    SYS_openat,
    SYS_pread64,
    SYS_prlimit64,
    SYS_read,
    SYS_readlink,
    SYS_rseq,
    SYS_rt_sigaction,
    SYS_rt_sigprocmask,
    SYS_rt_sigreturn,
    SYS_sched_getaffinity,
    SYS_sched_yield,
    SYS_set_robust_list,
    SYS_set_tid_address,
    SYS_sysinfo,
    SYS_write,
    SYS_prctl,
    SYS_getcpu,
};

enum { kMost = 200 };
static struct sock_filter rules[kMost];
static unsigned short count;

static void add(unsigned short code, unsigned value, unsigned char if_not) {
  const struct sock_filter rule = {code, 0, if_not, value};
  rules[count++] = rule;
}

static void decide(unsigned number, unsigned decision) {
  add(BPF_JMP | BPF_JEQ | BPF_K, number, 1);
  add(BPF_RET | BPF_K, decision, 0);
}

int main(int argc, char** argv) {
  if (argc < 4) return 2;
  const int only = strcmp(argv[1], "only") == 0;
  const unsigned failure = SECCOMP_RET_ERRNO | EPERM;
  add(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr), 0);
  for (size_t i = 0; only && i < sizeof kOwn / sizeof *kOwn; ++i)
    decide(kOwn[i], SECCOMP_RET_ALLOW);
  for (char* name = strtok(argv[2], ","); name != NULL; name = strtok(NULL, ",")) {
    size_t i = 0;
    while (i < sizeof kCalls / sizeof *kCalls && strcmp(kCalls[i].name, name) != 0) ++i;
    if (i == sizeof kCalls / sizeof *kCalls) {
      fprintf(stderr, "filtered: %s: not known here\n", name);
      return 2;
    }
    decide(kCalls[i].number, only ? SECCOMP_RET_ALLOW : failure);
  }
  add(BPF_RET | BPF_K, only ? SECCOMP_RET_KILL_PROCESS : SECCOMP_RET_ALLOW, 0);
  const struct sock_fprog filter = {count, rules};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0) {
    return 77;
  }
  execv(argv[3], argv + 3);
  return 1;
}
