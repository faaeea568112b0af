// A slow disk: whoever makes the file of a recording waits.
//
// Usage: held_up MILLISECONDS COMMAND...
// Executes the command; each of its ftruncate() takes so long. 77: this system cannot do that.
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct sock_filter rules[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ftruncate, 0, 1),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
};

static void hold_up(int listener, unsigned long milliseconds) {
  for (;;) {
    struct seccomp_notif call;
    memset(&call, 0, sizeof call);
    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call) != 0) {
      if (errno == EINTR) continue;
      return;
    }
    usleep((useconds_t)(milliseconds * 1000));
    struct seccomp_notif_resp answer;
    memset(&answer, 0, sizeof answer);
    answer.id = call.id;
    answer.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
  }
}

int main(int count, char** arguments) {
  if (count < 3) return 2;
  const struct sock_fprog program = {sizeof rules / sizeof *rules, rules};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return 77;
  const long listener =
      syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
  if (listener < 0) return 77;
  const pid_t other = fork();
  if (other < 0) return 77;
  if (other == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);  // with the command; nor has that to wait for what is open
    for (int fd = 0; fd < 3; ++fd) close(fd);
    hold_up((int)listener, strtoul(arguments[1], NULL, 10));
    _exit(0);
  }
  close((int)listener);
  execvp(arguments[2], arguments + 2);
  return 127;
}
