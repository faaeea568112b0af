// Runs a program and measures it from outside.
//
//   bench_measure RESULT PROGRAM [ARGUMENT...]
//
// Writes to the file RESULT: pid of the program (at once, so that it can be signalled); when it has
// ended its wait status, wall and CPU time (ns; of the program and all descendants it waited for),
// and peak resident size of the largest of these processes (bytes).
//
// A program of its own because of that last figure: ru_maxrss inherits the high-water mark of the
// process that forked, and this one is far smaller than anything it is used on. VmHWM in /proc is
// gone with the process.
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

namespace {

long long now_ns() {
  timespec t = {};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

long long ns_of(const timeval& t) { return t.tv_sec * 1000000000LL + t.tv_usec * 1000LL; }

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    fprintf(stderr, "usage: bench_measure RESULT PROGRAM [ARGUMENT...]\n");
    return 2;
  }
  FILE* result = fopen(argv[1], "we");
  if (result == nullptr) {
    fprintf(stderr, "bench_measure: %s: %s\n", argv[1], strerror(errno));
    return 2;
  }
  const long long begin = now_ns();
  const pid_t pid = fork();
  if (pid == 0) {
    execvp(argv[2], argv + 2);
    fprintf(stderr, "bench_measure: %s: %s\n", argv[2], strerror(errno));
    _exit(127);
  }
  if (pid < 0) {
    fprintf(stderr, "bench_measure: fork: %s\n", strerror(errno));
    return 2;
  }
  // Whoever interrupts the benchmark interrupts the program; this one then still has to report.
  signal(SIGINT, SIG_IGN);
  signal(SIGTERM, SIG_IGN);
  fprintf(result, "%d\n", pid);
  fflush(result);
  int status = 0;
  rusage used = {};
  while (wait4(pid, &status, 0, &used) < 0 && errno == EINTR) {
  }
  fprintf(result, "%d %lld %lld %lld\n", status, now_ns() - begin,
          ns_of(used.ru_utime) + ns_of(used.ru_stime), used.ru_maxrss * 1024LL);
  return fclose(result) == 0 ? 0 : 2;
}
