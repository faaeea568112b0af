// The recording of a running process, seen from outside: its present figures, and points for its
// timeline while the process itself is idle and so takes none.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "format/format.h"

namespace mla {

struct LiveFigures {
  uint64_t rss_bytes = 0;
  uint64_t live_bytes = 0;  // heap and anonymous mappings
};

// A writer beside the process's own threads: takes the segment's TickLock for every point, adds
// nothing when the process has ticked itself within the last second, and touches only the fixed
// blocks, which are backed since the file was created.
class LiveRecording {
 public:
  // Null unless the file is the recording of a process that is alive and recording.
  // `stopped_too`: or of one that is alive and whose recording has stopped.
  static std::unique_ptr<LiveRecording> open(const std::string& path, bool stopped_too = false);
  ~LiveRecording();
  LiveRecording(const LiveRecording&) = delete;
  LiveRecording& operator=(const LiveRecording&) = delete;

  pid_t pid() const { return pid_; }
  // Throws Error if somebody cut the file short: what is below would answer with SIGBUS. For loops
  // that wait for the process; `name`: what the user called the recording.
  void check_whole(const std::string& name) const;
  // How densely the process records now, and the wish that it be otherwise: as
  // SegmentHeader::sampling_interval. The process takes the wish up at its next tick.
  uint64_t sampling() const;
  void request_sampling(uint64_t interval);
  // Why recording stopped; kNone: it did not.
  format::StopReason stop_reason() const;
  // Has the process do something at its next tick, or no more.
  void request(format::Request what);
  void withdraw(format::Request what);
  bool is_requested(format::Request what) const;
  // When the last walk over its pages ended, since the start of the recording; 0: there was none.
  uint64_t last_ledger_ns() const;
  // How many censuses of its live blocks were taken.
  uint64_t censuses() const;
  // How often its allocator was made to give memory back.
  uint64_t trims() const;
  // How far the count of Python's objects is, and how many were finished.
  format::ObjectsState objects_state() const;
  uint64_t object_counts() const;
  // Now, since the start of the recording.
  uint64_t now_ns() const;
  // Adds a timeline point where one is due. Nothing once the process is gone or has stopped.
  std::optional<LiveFigures> tick();

  bool is_alive() const { return process_is_alive(); }

 private:
  LiveRecording(int fd, void* blocks);
  bool is_whole() const;
  bool process_is_alive() const;

  int fd_;
  void* blocks_;  // the fixed blocks of the file, shared with the process
  pid_t pid_;
  // Another /proc/PID/exe, or another stack, says that the process was replaced by exec.
  std::string program_;
  uint64_t stack_start_ = 0;
};

// Has a living process take a census of its live blocks, and waits for it for at most a second:
// one that is idle takes none, and the last one then still holds.
void request_census(const std::string& path);

// All recordings of a directory, looked for again at each tick.
class LiveDirectory {
 public:
  explicit LiveDirectory(std::string directory) : directory_(std::move(directory)) {}
  // Ticks the newest recording of every living process. Returns the figures of process `pid`.
  std::optional<LiveFigures> tick(pid_t pid);

 private:
  struct Entry {
    std::unique_ptr<LiveRecording> recording;
    int attempts_left = 3;  // to open it: a file may be seen before its header is complete
  };

  std::string directory_;
  std::map<std::string, Entry> entries_;  // by path
};

}  // namespace mla
