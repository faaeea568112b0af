#include "notify/transport.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "notify/curl_library.h"
#include "reader/error.h"

namespace mla {
namespace {

constexpr int kPollMs = 50;

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> result;
  result.reserve(strings.size() + 1);
  for (const std::string& text : strings) result.push_back(const_cast<char*>(text.c_str()));
  result.push_back(nullptr);
  return result;
}

// This environment, and the fields as MLA_VERDICT and so on.
std::vector<std::string> environment_with(const Fields& fields) {
  std::vector<std::string> environment;
  for (char** entry = environ; *entry != nullptr; ++entry) environment.emplace_back(*entry);
  for (const auto& [name, value] : fields) {
    std::string entry = "MLA_";
    for (const char c : name) entry += static_cast<char>(c - 'a' + 'A');
    environment.push_back(entry + "=" + value);
  }
  return environment;
}

// The file behind standard input of a command: it need not be read.
int input_file(const std::string& input) {
  const int fd = memfd_create("mla-notification", MFD_CLOEXEC);
  if (fd < 0) return -1;
  size_t written = 0;
  while (written < input.size()) {
    const ssize_t more = write(fd, input.data() + written, input.size() - written);
    if (more <= 0) break;
    written += static_cast<size_t>(more);
  }
  lseek(fd, 0, SEEK_SET);
  return fd;
}

pid_t spawn(const std::vector<std::string>& command, const std::vector<std::string>& environment,
            int input, int& error) {
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_adddup2(&files, input, STDIN_FILENO);
  // What it prints belongs to the log, not into a table or JSON on standard output.
  posix_spawn_file_actions_adddup2(&files, STDERR_FILENO, STDOUT_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigset_t all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(
      &attributes,
      static_cast<short>(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP));
  pid_t pid = -1;
  error = posix_spawn(&pid, command[0].c_str(), &files, &attributes, pointers(command).data(),
                      pointers(environment).data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  return error == 0 ? pid : -1;
}

}  // namespace

void check_transport() { curl_library(); }

Attempt SystemTransport::send(const Target& target, const Change& change, const Message& message) {
  const std::string body = payload(target, change, message);
  if (target.kind == TargetKind::kExec) {
    return run({"/bin/sh", "-c", target.where}, message.fields, body);
  }
  if (target.kind == TargetKind::kMail) {
    const char* sendmail = std::getenv("MLA_SENDMAIL");  // NOLINT(concurrency-mt-unsafe)
    return run({sendmail != nullptr ? sendmail : "/usr/sbin/sendmail", "-t"}, {}, body);
  }
  try {
    return post(target, body);
  } catch (const Error& error) {
    return {Outcome::kTryAgain, error.what()};
  }
}

Attempt SystemTransport::post(const Target& target, const std::string& body) const {
  const HttpAnswer answer =
      http_post({target.where, {"Content-Type: application/json; charset=utf-8"}, body},
                time_limit_s_, aborted_);
  if (answer.outcome != Outcome::kSent) return {answer.outcome, answer.why};
  const Refusal refusal = refusal_in_answer(target, answer.body);
  if (refusal.why.empty()) return {};
  return {refusal.passing ? Outcome::kTryAgain : Outcome::kRefused, refusal.why};
}

Attempt SystemTransport::run(const std::vector<std::string>& command, const Fields& fields,
                             const std::string& input) const {
  const int fd = input_file(input);
  if (fd < 0) return {Outcome::kTryAgain, std::strerror(errno)};
  int error = 0;
  const pid_t pid = spawn(command, environment_with(fields), fd, error);
  close(fd);
  if (pid < 0) return {Outcome::kTryAgain, command[0] + ": " + std::strerror(error)};
  const auto deadline =
      std::chrono::steady_clock::now() + std::chrono::duration<double>(time_limit_s_);
  int status = 0;
  pid_t ended = 0;
  while ((ended = waitpid(pid, &status, WNOHANG)) == 0) {
    if (aborted_ || std::chrono::steady_clock::now() > deadline) {
      kill(-pid, SIGKILL);  // its process group, which spawn() made
      waitpid(pid, &status, 0);
      return {Outcome::kTryAgain, "the command did not end in time"};
    }
    poll(nullptr, 0, kPollMs);
  }
  if (ended != pid) {  // where SIGCHLD is ignored the kernel reaps it
    return {Outcome::kTryAgain,
            std::string("how the command ended is not known: ") + std::strerror(errno)};
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  const std::string how = WIFEXITED(status) ? "exit code " + std::to_string(WEXITSTATUS(status))
                                            : "signal " + std::to_string(WTERMSIG(status));
  return {Outcome::kTryAgain, "the command ended with " + how};
}

}  // namespace mla
