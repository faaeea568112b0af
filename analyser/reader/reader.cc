#include "reader/reader.h"

#include <algorithm>
#include <ctime>

#include "reader/decode.h"
#include "reader/status.h"

namespace mla {

Snapshot read_snapshot(const std::string& path) {
  DamageLog damage;
  const SegmentImage image = SegmentImage::load(path, damage);
  Snapshot snapshot;
  snapshot.path = path;
  decode(image, snapshot, damage);
  const format::SegmentHeader& header = image.header();
  const RecordedState recorded{
      static_cast<format::State>(header.state.load(std::memory_order_relaxed)),
      header.exit_code.load(std::memory_order_relaxed)};
  const bool ended =
      recorded.state == format::State::kExited || recorded.state == format::State::kReplaced;
  if (image.from_core() && !ended) {
    // Whether the process runs now says nothing of what the core holds.
    snapshot.status = ProcessStatus::kKilled;
    snapshot.status_detail = "from a core file";
  } else {
    judge_status(recorded, image.file_status(), snapshot);
  }
  if (snapshot.status == ProcessStatus::kAlive && recorded.state == format::State::kRecording) {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    const uint64_t now_ns =
        static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
    if (now_ns > snapshot.process.start_monotonic_ns) {
      snapshot.last_ns = std::max(snapshot.last_ns, now_ns - snapshot.process.start_monotonic_ns);
    }
  }
  snapshot.damage = damage.lines();
  return snapshot;
}

}  // namespace mla
