// A program that locks itself in: from then on the kernel ends it for any system call but those it
// makes itself.
//
// Usage: sandboxed prctl|syscall [fork]    a filter, installed by that function
//        sandboxed vfork                   a child that shares its memory installs one
//        sandboxed left MICROSECONDS       a signal handler leaves malloc for ever, then a filter
//        sandboxed meanwhile               a filter while another thread makes mla's file
//        sandboxed strict                  nothing but read, write and exit
//        sandboxed ask                     asks whether there could be a filter, and installs none
//        sandboxed dumpable                prints what prctl(PR_GET_DUMPABLE) says
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define ALLOW(name)                                      \
  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 1), \
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

// What malloc, threads, fork and exit of the C library need.
static struct sock_filter rules[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    ALLOW(write),
    ALLOW(brk),
    ALLOW(mmap),
    ALLOW(munmap),
    ALLOW(mremap),
    ALLOW(mprotect),
    ALLOW(futex),
    ALLOW(exit),
    ALLOW(exit_group),
    ALLOW(clone),
    ALLOW(wait4),
    ALLOW(set_robust_list),
    ALLOW(rseq),
    ALLOW(madvise),  // these of the C library, when a thread ends
    ALLOW(rt_sigprocmask),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
};

static unsigned long checksum;
static pthread_barrier_t locked_in;

// Many call sites, sizes of every kind, and enough time for whatever is done now and then.
static void* descend(unsigned path, int depth, size_t bytes) {
  if (depth == 0) return malloc(bytes);
  void* p = (path & 1) != 0 ? descend(path >> 1, depth - 1, bytes) : NULL;
  if (p == NULL) p = descend(path >> 1, depth - 1, bytes);
  __asm__ volatile("" : "+r"(p));
  return p;
}

static void work(unsigned first, unsigned count) {
  void* kept[64] = {0};
  for (unsigned i = first; i < first + count; ++i) {
    const size_t bytes = i % 500 == 0 ? 300000 : 1 + i * 37 % 3000;
    void* p = descend(i, 10, bytes);
    if (p == NULL) abort();
    memset(p, (int)i, bytes);
    checksum = checksum * 31 + bytes;
    free(kept[i % 64]);
    kept[i % 64] = i % 3 == 0 ? realloc(p, bytes * 2) : p;
  }
  for (int i = 0; i < 64; ++i) free(kept[i]);
}

static void* other_thread(void* unused) {
  void* mine = malloc(100);
  pthread_barrier_wait(&locked_in);  // whatever allocators do for a thread's first request is done
  pthread_barrier_wait(&locked_in);
  for (int i = 0; i < 100000; ++i) {
    free(mine);
    mine = malloc((size_t)(1 + i % 2000));
  }
  free(mine);
  return unused;
}

static void say(const char* what) {
  char line[64];
  const int n = snprintf(line, sizeof line, "%s %lx\n", what, checksum);
  if (write(1, line, (size_t)n) != n) abort();
}

static void lock_in(const char* how) {
  const struct sock_fprog program = {sizeof rules / sizeof *rules, rules};
  long result = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  if (strcmp(how, "prctl") == 0) {
    result |= prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
  } else {
    result |= syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program);
  }
  if (result != 0) {
    perror("no filter");
    exit(77);
  }
}

// Memory from what is there already, and no exit_group.
static int strict(void) {
  mallopt(M_MMAP_THRESHOLD, 64 << 20);
  mallopt(M_TRIM_THRESHOLD, 64 << 20);
  free(malloc(16 << 20));
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0) return 77;
  work(0, 20000);
  say("strict");
  syscall(SYS_exit, 6);
  return 1;
}

// As libseccomp finds out what the kernel can do.
static int ask(void) {
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL) != -1 || errno != EFAULT) return 1;
  if (syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 1, NULL) != -1 || errno != EINVAL) return 1;
  if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, NULL) != -1 || errno != EFAULT) return 1;
  const unsigned action = SECCOMP_RET_KILL_PROCESS;
  if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) != 0) return 1;
  if (syscall(100000) != -1 || errno != ENOSYS) return 1;
  work(0, 5000);
  return 0;
}

static int in_child(void) {
  const pid_t child = vfork();
  if (child == 0) {
    lock_in("prctl");
    work(0, 20000);
    _exit(5);
  }
  int status = 0;
  if (waitpid(child, &status, 0) != child || !WIFEXITED(status) || WEXITSTATUS(status) != 5) {
    return 1;
  }
  work(0, 5000);
  return 9;
}

static sigjmp_buf out;
static volatile sig_atomic_t may_leave;

static void leave(int unused) {
  (void)unused;
  if (may_leave) {
    may_leave = 0;
    siglongjmp(out, 1);
  }
}

// Deeper than where the filter is installed, so that who was left there is not found to be gone.
__attribute__((noinline)) static void allocate_deeply(int depth) {
  char room[2000];
  __asm__ volatile("" : : "r"(room) : "memory");
  if (depth > 0) {
    allocate_deeply(depth - 1);
    __asm__ volatile("");
    return;
  }
  for (may_leave = 1; may_leave >= 0;) free(malloc(24));
}

static int left(long microseconds) {
  void* mine = malloc(5000);
  signal(SIGALRM, leave);
  // Again, if the first comes before it may leave.
  const struct itimerval then = {{0, microseconds}, {0, microseconds}};
  if (sigsetjmp(out, 1) == 0) {
    setitimer(ITIMER_REAL, &then, NULL);
    allocate_deeply(10);
  }
  const struct itimerval never = {{0, 0}, {0, 0}};
  setitimer(ITIMER_REAL, &never, NULL);
  lock_in("prctl");
  // Of the allocator's own state nothing is certain any more: the block stays where it is.
  mine = realloc(mine, 5001);
  if (mine == NULL) abort();
  if (write(1, "left\n", 5) != 5) abort();
  _exit(6);
}

static void* work_a_little(void* unused) {
  work(0, 8000);
  return unused;
}

static int meanwhile(void) {
  pthread_t thread;
  if (pthread_create(&thread, NULL, work_a_little, NULL) != 0) return 2;
  usleep(500000);
  lock_in("prctl");
  work(0, 5000);
  pthread_join(thread, NULL);
  return 8;
}

int main(int count, char** arguments) {
  const char* how = count > 1 ? arguments[1] : "";
  if (strcmp(how, "meanwhile") == 0) return meanwhile();
  work(0, 5000);
  if (strcmp(how, "strict") == 0) return strict();
  if (strcmp(how, "ask") == 0) return ask();
  if (strcmp(how, "vfork") == 0) return in_child();
  if (strcmp(how, "left") == 0) return left(atol(arguments[2]));
  if (strcmp(how, "dumpable") == 0) return printf("%d\n", prctl(PR_GET_DUMPABLE)) < 0;
  pthread_barrier_init(&locked_in, NULL, 2);
  pthread_t thread;
  const int threaded = strcmp(how, "syscall") == 0;
  if (threaded && pthread_create(&thread, NULL, other_thread, NULL) != 0) return 2;
  if (threaded) pthread_barrier_wait(&locked_in);
  lock_in(how);
  if (threaded) pthread_barrier_wait(&locked_in);
  work(5000, 200000);
  if (threaded) pthread_join(thread, NULL);
  say("locked in");
  if (count > 2) {
    const pid_t child = fork();
    if (child == 0) {
      work(0, 20000);
      say("child");
      _exit(5);
    }
    int status = 0;
    if (wait4(child, &status, 0, NULL) != child || WEXITSTATUS(status) != 5) abort();
  }
  return 7;
}
