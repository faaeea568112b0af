// The processes of this host as a source for the watcher.
#pragma once

#include <sys/types.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "live_recording.h"
#include "reader/directory.h"
#include "watch/source.h"

namespace mla {

class HostProcesses : public ProcessSource {
 public:
  // `targets`: pids, and names of services (see identity.h), of programs or of processes.
  // `build`: of all of them; empty: by identity.h. Throws Error for a pid there is no process of.
  HostProcesses(const std::vector<std::string>& targets, std::string build);

  // Also those recorded in this directory that are of the same service as one of the pids: its
  // workers.
  void follow_recordings_in(const std::string& directory) { followed_ = directory; }

  std::vector<Observation> observe() override;
  std::optional<RecordingVerdict> judge(const ProcessKey& process, bool with_sites) override;

  // Only pids are watched, and all of them have ended.
  bool is_over() const;

 private:
  struct Known {
    ServiceKey of;
    std::string command;
    std::string recording;  // path
    std::unique_ptr<LiveRecording> live;
    uint64_t stack_start = 0;  // another one: the process executed a program
    double began_s = 0;        // the age of the process when this program was first seen
    double look_again_s = 0;   // the age at which its recording is looked for again
    double look_wait_s = 0;    // from then to the next time
    bool watched = false;
    bool settled = false;  // its name is not looked for again
  };

  std::vector<pid_t> candidates() const;
  void identify(pid_t pid, const ProcessKey& process, double age_s, Known& known);
  void look_for_recording(pid_t pid, double age_s, Known& known);
  std::string recording_of(pid_t pid) const;
  bool is_watched(pid_t pid, const std::string& service, const std::string& program) const;

  std::vector<ProcessKey> pids_;
  std::vector<std::string> names_;
  std::string build_;
  std::string host_;
  std::string followed_;                     // a directory of recordings; empty: none
  std::vector<RecordingFile> followed_now_;  // in it
  std::set<std::string> pid_services_;       // of pids_
  std::map<ProcessKey, Known> known_;
  bool any_alive_ = true;  // of pids_, or of what was seen
};

}  // namespace mla
