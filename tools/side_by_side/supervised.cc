#include "side_by_side/supervised.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>

#include "reader/error.h"
#include "side_by_side/process_table.h"

namespace mla {
namespace {

constexpr int kKillSeconds = 10;  // a process in uninterruptible sleep may last longer

// What the keeper tells, one pipe write each: atomic, being shorter than PIPE_BUF.
enum class News : int { kStarted, kNotExecuted, kEnded, kAllEnded };
struct Message {
  News news = News::kStarted;
  int value = 0;  // pid, errno or wait status
  double cpu_seconds = 0;
  double high_water_bytes = 0;
};

double monotonic_seconds() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

std::vector<char*> c_strings(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  for (const std::string& s : strings) pointers.push_back(const_cast<char*>(s.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

// What runs in the keeper, a fork of this process: it executes nothing and never returns.
class Keeper {
 public:
  Keeper(int news, const std::vector<std::string>& command,
         const std::vector<std::string>& environment, int input, int output, const sigset_t& mask)
      : news_(news),
        command_(command),
        environment_(environment),
        input_(input),
        output_(output),
        mask_(mask) {}

  [[noreturn]] void keep(pid_t parent) {
    sigemptyset(&handled_);
    sigaddset(&handled_, SIGCHLD);
    sigaddset(&handled_, SIGTERM);
    sigprocmask(SIG_BLOCK, &handled_, nullptr);
    struct sigaction standard {};
    standard.sa_handler = SIG_DFL;
    sigaction(SIGCHLD, &standard, nullptr);
    struct sigaction ignored {};
    ignored.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &ignored, nullptr);  // mla may be gone
    setsid();
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) _exit(0);
    start();
    while (reap()) {
      const timespec poll_interval{0, 2'000'000};
      const bool killing = kill_from_ > 0;
      const int signal = killing ? sigtimedwait(&handled_, nullptr, &poll_interval)
                                 : sigwaitinfo(&handled_, nullptr);
      if (signal == SIGTERM && !killing) kill_from_ = monotonic_seconds();
      if (kill_from_ == 0) continue;
      if (monotonic_seconds() - kill_from_ > kKillSeconds) break;
      for (const Process& process : descendants(getpid())) kill(process.pid, SIGKILL);
    }
    rusage usage{};
    getrusage(RUSAGE_CHILDREN, &usage);
    const auto seconds = [](const timeval& t) {
      return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
    };
    rusage own{};
    getrusage(RUSAGE_SELF, &own);
    const bool inherited = usage.ru_maxrss <= own.ru_maxrss;
    tell({News::kAllEnded, 0, seconds(usage.ru_utime) + seconds(usage.ru_stime),
          inherited ? 0 : static_cast<double>(usage.ru_maxrss) * 1024});
    _exit(0);
  }

 private:
  void tell(const Message& message) const {
    while (write(news_, &message, sizeof message) < 0 && errno == EINTR) {
    }
  }

  void start() {
    int failure[2];
    if (pipe2(failure, O_CLOEXEC) != 0 || (main_ = fork()) < 0) {
      tell({News::kNotExecuted, errno, 0, 0});
      return;
    }
    if (main_ == 0) execute(failure[1]);
    close(failure[1]);
    int error = 0;
    const bool failed = read(failure[0], &error, sizeof error) == sizeof error;
    close(failure[0]);
    tell({failed ? News::kNotExecuted : News::kStarted, failed ? error : main_, 0, 0});
  }

  [[noreturn]] void execute(int failure) const {
    // A command that signals its whole process group must not hit the keeper.
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(input_, STDIN_FILENO);
    dup2(output_, STDOUT_FILENO);
    dup2(output_, STDERR_FILENO);
    struct sigaction standard {};
    standard.sa_handler = SIG_DFL;
    sigaction(SIGPIPE, &standard, nullptr);
    sigprocmask(SIG_SETMASK, &mask_, nullptr);
    execvpe(command_[0].c_str(), c_strings(command_).data(), c_strings(environment_).data());
    const int error = errno;
    _exit(write(failure, &error, sizeof error) == sizeof error ? 127 : 126);
  }

  // False once there is nothing left to wait for.
  bool reap() {
    for (;;) {
      int status = 0;
      const pid_t pid = waitpid(-1, &status, WNOHANG);
      if (pid == 0 || (pid < 0 && errno == EINTR)) return true;
      if (pid < 0) return false;
      if (pid == main_) tell({News::kEnded, status, 0, 0});
    }
  }

  int news_;
  const std::vector<std::string>& command_;
  const std::vector<std::string>& environment_;
  int input_;
  int output_;
  sigset_t mask_;
  sigset_t handled_{};
  pid_t main_ = -1;
  double kill_from_ = 0;  // seconds of the monotonic clock; 0: nothing is to be killed
};

}  // namespace

Supervised::Supervised(const std::vector<std::string>& command,
                       const std::vector<std::string>& environment, int input, int output,
                       const sigset_t& mask) {
  int news[2];
  if (pipe2(news, O_CLOEXEC) != 0) {
    throw Error(command[0], std::strerror(errno), "free some file descriptors and try again");
  }
  fcntl(news[0], F_SETFL, O_NONBLOCK);
  const pid_t parent = getpid();
  keeper_ = fork();
  if (keeper_ == 0) Keeper(news[1], command, environment, input, output, mask).keep(parent);
  close(news[1]);
  pipe_ = news[0];
  if (keeper_ < 0) {
    close(pipe_);
    throw Error(command[0], std::strerror(errno), "end some processes and try again");
  }
  // Until the command executes or cannot: this takes no longer than a fork.
  while (command_ < 0 && exec_errno_ == 0 && !all_ended_) {
    pollfd readable{pipe_, POLLIN, 0};
    poll(&readable, 1, -1);
    take_news();
  }
}

Supervised::~Supervised() {
  end_all();
  close(pipe_);
}

void Supervised::take_news() {
  Message message;
  for (;;) {
    const ssize_t got = read(pipe_, &message, sizeof message);
    if (got < 0 && errno == EINTR) continue;
    if (got == 0) {  // the keeper is gone: killed by somebody, where it did not say so
      all_ended_ = true;
      if (!wait_status_) wait_status_ = SIGKILL;  // execute() has the command go with it
    }
    if (got != sizeof message) return;
    switch (message.news) {
      case News::kStarted:
        command_ = message.value;
        break;
      case News::kNotExecuted:
        exec_errno_ = message.value;
        break;
      case News::kEnded:
        wait_status_ = message.value;
        break;
      case News::kAllEnded:
        cpu_seconds_ = message.cpu_seconds;
        high_water_bytes_ = message.high_water_bytes;
        all_ended_ = true;
        break;
    }
  }
}

void Supervised::send_signal(int signal) const {
  if (!ended() && command_ > 0) {
    kill(command_, signal);
    return;
  }
  for (const Process& process : descendants(keeper_)) kill(process.pid, signal);
}

size_t Supervised::end_all() {
  if (keeper_ < 0) return 0;
  take_news();
  size_t killed = 0;
  if (!all_ended_) {
    for (const Process& process : descendants(keeper_)) killed += process.state != 'Z' ? 1 : 0;
    kill(keeper_, SIGTERM);
  }
  while (!all_ended_) {
    pollfd readable{pipe_, POLLIN, 0};
    poll(&readable, 1, -1);
    take_news();
  }
  while (waitpid(keeper_, nullptr, 0) < 0 && errno == EINTR) {
  }
  keeper_ = -1;
  return killed;
}

}  // namespace mla
