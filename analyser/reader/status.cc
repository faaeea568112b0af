#include "reader/status.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstring>

#include "reader/process.h"

namespace mla {

namespace {

// True if `path` begins as the recording of this very process does.
bool same_recording(const std::string& path, const ProcessInfo& process) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) return false;
  alignas(format::SegmentHeader) std::byte bytes[format::kBlockBytes] = {};
  const bool whole = pread(fd, bytes, sizeof bytes, 0) == static_cast<ssize_t>(sizeof bytes);
  close(fd);
  const auto& header = *reinterpret_cast<const format::SegmentHeader*>(bytes);
  return whole && header.magic == format::kMagic && header.pid == process.pid &&
         header.start_monotonic_ns == process.start_monotonic_ns &&
         header.start_realtime_ns == process.start_realtime_ns;
}

}  // namespace

void judge_status(const RecordedState& recorded, const struct stat& file, Snapshot& snapshot) {
  const ProcessInfo& process = snapshot.process;
  if (recorded.state == format::State::kExited) {
    snapshot.status = ProcessStatus::kExited;
    if (recorded.exit_code >= 0) {
      snapshot.status_detail = "exit code " + std::to_string(recorded.exit_code);
    }
    return;
  }
  if (recorded.state == format::State::kReplaced) {
    snapshot.status = ProcessStatus::kExited;
    snapshot.status_detail = "replaced by exec";
    return;
  }
  snapshot.status = ProcessStatus::kKilled;
  if (!process.host.empty() && process.host != host_name()) {
    snapshot.status_detail = "recorded on host " + process.host +
                             ": whether it still runs there cannot be seen from here";
    return;
  }
  const auto now = read_process_stat(process.pid);
  const bool same_process =
      now && (process.process_start_ticks == 0 || now->start_ticks == process.process_start_ticks);
  // A pid in use by another process, or a dead one not yet reaped, is a dead process.
  if (!same_process || now->state == 'Z' || now->state == 'X') {
    if (recorded.state == format::State::kStopped) {
      snapshot.status_detail = "or ended by itself: its recording had stopped before";
    }
    return;
  }
  const auto mappings = shared_mappings(process.pid);
  if (!mappings) {
    if (process.process_start_ticks != 0) snapshot.status = ProcessStatus::kAlive;
    return;
  }
  for (const MappedFile& mapped : *mappings) {
    if (is_file(mapped, snapshot.path, file)) {
      snapshot.status = ProcessStatus::kAlive;
      return;
    }
  }
  for (const MappedFile& mapped : *mappings) {
    if (same_recording(mapped.path, process)) {
      snapshot.status = ProcessStatus::kCopied;
      snapshot.status_detail = "the process records into " + mapped.path;
      return;
    }
  }
  // Only exec drops the mapping of a living process.
  if (process.process_start_ticks == 0) return;
  snapshot.status = ProcessStatus::kExited;
  snapshot.status_detail = "replaced by exec";
}

}  // namespace mla
