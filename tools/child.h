// A program run in the foreground: started, signals passed on, its end told exactly.
#pragma once

#include <sys/types.h>

#include <csignal>
#include <string>
#include <vector>

namespace mla {

// * A signal sent to this process only (kill, a supervisor) is passed on to the program. One that
//   the terminal sends (^C) reaches the program by itself and is not passed on again.
// * The program starts with the signal mask and dispositions this process was started with.
class Child {
 public:
  // Forks and executes. Throws Error when the fork fails; a program that cannot be executed is
  // told by exec_errno().
  Child(const std::vector<std::string>& program, const std::vector<std::string>& environment);
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  pid_t pid() const { return pid_; }
  int exec_errno() const { return exec_errno_; }  // 0: the program runs

  // Waits for at most this long, passing signals on. True once the program has ended.
  bool wait_for_end(int milliseconds);

  // Valid once the program has ended.
  bool was_signalled() const;
  int exit_code() const;  // of an exit
  int signal() const;     // that killed it

 private:
  [[noreturn]] void execute(const std::vector<std::string>& program,
                            const std::vector<std::string>& environment, int error_pipe) const;

  pid_t pid_ = -1;
  int exec_errno_ = 0;
  int wait_status_ = 0;
  bool ended_ = false;
  sigset_t handled_{};
  sigset_t mask_at_start_{};
  struct sigaction child_action_at_start_ {};
  struct sigaction pipe_action_at_start_ {};
};

// Ends this process by the signal, as a shell's child would; returns only when that is impossible.
void die_by_signal(int signal);

}  // namespace mla
