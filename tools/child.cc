#include "child.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>

#include "reader/error.h"

namespace mla {
namespace {

constexpr int kPassedOn[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH};

std::vector<char*> c_strings(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  for (const std::string& s : strings) pointers.push_back(const_cast<char*>(s.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

Child::Child(const std::vector<std::string>& program, const std::vector<std::string>& environment) {
  sigemptyset(&handled_);
  sigaddset(&handled_, SIGCHLD);
  for (const int signal : kPassedOn) sigaddset(&handled_, signal);
  // An inherited SIG_IGN for SIGCHLD would make the program's exit status vanish.
  struct sigaction standard {};
  standard.sa_handler = SIG_DFL;
  sigaction(SIGCHLD, &standard, &child_action_at_start_);
  // A closed standard error must not keep the recording from being stored.
  struct sigaction ignored {};
  ignored.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &ignored, &pipe_action_at_start_);
  sigprocmask(SIG_BLOCK, &handled_, &mask_at_start_);

  int error_pipe[2];
  if (pipe2(error_pipe, O_CLOEXEC) != 0) {
    throw Error(program[0], std::strerror(errno), "free some file descriptors and try again");
  }
  pid_ = fork();
  if (pid_ < 0) throw Error(program[0], std::strerror(errno), "end some processes and try again");
  if (pid_ == 0) execute(program, environment, error_pipe[1]);
  close(error_pipe[1]);
  ssize_t got = 0;
  do {
    got = read(error_pipe[0], &exec_errno_, sizeof exec_errno_);
  } while (got < 0 && errno == EINTR);
  close(error_pipe[0]);
}

void Child::execute(const std::vector<std::string>& program,
                    const std::vector<std::string>& environment, int error_pipe) const {
  sigaction(SIGCHLD, &child_action_at_start_, nullptr);
  sigaction(SIGPIPE, &pipe_action_at_start_, nullptr);
  sigprocmask(SIG_SETMASK, &mask_at_start_, nullptr);
  execvpe(program[0].c_str(), c_strings(program).data(), c_strings(environment).data());
  const int error = errno;
  if (write(error_pipe, &error, sizeof error) != sizeof error) _exit(126);
  _exit(127);
}

Child::~Child() { sigprocmask(SIG_SETMASK, &mask_at_start_, nullptr); }

bool Child::wait_for_end(int milliseconds) {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  const auto to_ms = [](const timespec& t) { return t.tv_sec * 1000 + t.tv_nsec / 1'000'000; };
  const auto deadline = to_ms(now) + milliseconds;
  while (!ended_) {
    ended_ = waitpid(pid_, &wait_status_, WNOHANG) == pid_;
    clock_gettime(CLOCK_MONOTONIC, &now);
    const auto left = deadline - to_ms(now);
    if (ended_ || left <= 0) break;
    const timespec timeout{left / 1000, left % 1000 * 1'000'000};
    siginfo_t info{};
    const int signal = sigtimedwait(&handled_, &info, &timeout);
    // SI_KERNEL: the terminal's, which the whole process group has got already.
    if (signal > 0 && signal != SIGCHLD && info.si_code != SI_KERNEL) kill(pid_, signal);
  }
  return ended_;
}

bool Child::was_signalled() const { return WIFSIGNALED(wait_status_); }
int Child::exit_code() const { return WEXITSTATUS(wait_status_); }
int Child::signal() const { return WTERMSIG(wait_status_); }

void die_by_signal(int signal) {
  const rlimit no_core{0, 0};  // a core of mla would replace that of the program
  setrlimit(RLIMIT_CORE, &no_core);
  struct sigaction standard {};
  standard.sa_handler = SIG_DFL;
  sigaction(signal, &standard, nullptr);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, signal);
  raise(signal);
  sigprocmask(SIG_UNBLOCK, &set, nullptr);
}

}  // namespace mla
