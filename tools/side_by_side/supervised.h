// A command with everything it starts, run beside this process and never left behind.
#pragma once

#include <sys/types.h>

#include <csignal>
#include <optional>
#include <string>
#include <vector>

namespace mla {

// * A keeper process stands between mla and the command: it is the reaper of orphans
//   (PR_SET_CHILD_SUBREAPER), so that every process the command starts, daemons too, descends from
//   it; and when mla dies, however, it kills them all.
// * The command runs in a session and a process group of its own: ^C at the terminal reaches mla
//   only.
// * CPU time is that of all processes of the command, which the keeper has waited for.
class Supervised {
 public:
  // `input`, `output`: what the command gets as standard input, and as output and error. `mask`:
  // the signal mask to start it with. Throws Error when no process can be made.
  Supervised(const std::vector<std::string>& command, const std::vector<std::string>& environment,
             int input, int output, const sigset_t& mask);
  ~Supervised();  // kills what is left
  Supervised(const Supervised&) = delete;
  Supervised& operator=(const Supervised&) = delete;

  int descriptor() const { return pipe_; }  // can be read when there is news
  pid_t keeper() const { return keeper_; }  // the ancestor of all processes of the command

  void take_news();                                        // does not wait
  bool ended() const { return wait_status_.has_value(); }  // the command itself, not its children
  bool all_ended() const { return all_ended_; }            // and everything it started
  int wait_status() const { return *wait_status_; }
  int exec_errno() const { return exec_errno_; }  // why it could not be executed; 0: it could

  // To the command; to everything it started, when the command itself has ended.
  void send_signal(int signal) const;
  // Kills what is left and waits for its end, for 10 s at most. Returns how many processes there
  // were to kill.
  size_t end_all();
  double cpu_seconds() const { return cpu_seconds_; }  // user + system; after all_ended()
  // The largest resident set of any process; 0 where it is not known, since a process inherits that
  // of the one that forked it: this one's.
  double high_water_bytes() const { return high_water_bytes_; }

 private:
  pid_t keeper_ = -1;
  int pipe_ = -1;
  pid_t command_ = -1;
  int exec_errno_ = 0;
  std::optional<int> wait_status_;
  bool all_ended_ = false;
  double cpu_seconds_ = 0;
  double high_water_bytes_ = 0;
};

}  // namespace mla
