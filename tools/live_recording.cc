#include "live_recording.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "format/format.h"
#include "reader/directory.h"
#include "reader/error.h"
#include "reader/process.h"

namespace mla {
namespace {

constexpr size_t kMappedBytes =
    (format::kLedgerBlock + format::kLedgerBlocks) * size_t{format::kBlockBytes};
constexpr uint64_t kIdleNs = 1'000'000'000;

uint64_t monotonic_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

struct Resident {
  uint64_t rss_bytes = 0;
  uint64_t anon_bytes = 0;
};

Resident resident(pid_t pid) {
  std::ifstream statm("/proc/" + std::to_string(pid) + "/statm");
  uint64_t size = 0;
  uint64_t pages = 0;
  uint64_t shared = 0;
  if (!(statm >> size >> pages >> shared)) return {};
  const auto page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  return {pages * page, (pages - std::min(pages, shared)) * page};
}

std::string program_of(pid_t pid) {
  std::error_code ignored;
  return std::filesystem::read_symlink("/proc/" + std::to_string(pid) + "/exe", ignored).string();
}

format::SegmentHeader& header_of(void* blocks) {
  return *static_cast<format::SegmentHeader*>(blocks);
}

format::TimelineRecord* timeline_of(void* blocks) {
  return reinterpret_cast<format::TimelineRecord*>(
      static_cast<std::byte*>(blocks) + format::kTimelineBlock * size_t{format::kBlockBytes});
}

const format::LedgerPart& ledger_of(const void* blocks) {
  return *reinterpret_cast<const format::LedgerPart*>(
      static_cast<const std::byte*>(blocks) + format::kLedgerBlock * size_t{format::kBlockBytes});
}

bool is_in_state(const format::SegmentHeader& header, format::State state) {
  // Acquires the store with which the writer opens its recording: the identity above it is set.
  return header.state.load(std::memory_order_acquire) == static_cast<uint32_t>(state) &&
         header.magic == format::kMagic && header.version == format::kVersion &&
         header.block_bytes == format::kBlockBytes;
}

bool is_recording(const format::SegmentHeader& header) {
  return is_in_state(header, format::State::kRecording);
}

// Of a copy the process knows nothing: what is written there changes evidence, and what is asked
// there nobody answers. A process that lets nobody see its mappings is believed.
bool is_its_own(pid_t pid, const std::string& path, const struct stat& status) {
  const auto mappings = shared_mappings(static_cast<uint32_t>(pid));
  return !mappings || std::any_of(mappings->begin(), mappings->end(), [&](const MappedFile& file) {
    return is_file(file, path, status);
  });
}

}  // namespace

std::unique_ptr<LiveRecording> LiveRecording::open(const std::string& path, bool stopped_too) {
  const int fd = ::open(path.c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return nullptr;
  struct stat status {};
  void* blocks = MAP_FAILED;
  if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) &&
      status.st_size >= static_cast<off_t>(kMappedBytes)) {
    blocks = mmap(nullptr, kMappedBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  }
  if (blocks == MAP_FAILED) {
    close(fd);
    return nullptr;
  }
  std::unique_ptr<LiveRecording> recording(new LiveRecording(fd, blocks));
  const bool stopped = stopped_too && is_in_state(header_of(blocks), format::State::kStopped);
  if (!(is_recording(header_of(blocks)) || stopped) || !recording->process_is_alive() ||
      !is_its_own(recording->pid(), path, status)) {
    return nullptr;
  }
  return recording;
}

LiveRecording::~LiveRecording() {
  munmap(blocks_, kMappedBytes);
  close(fd_);
}

uint64_t LiveRecording::sampling() const {
  return header_of(blocks_).sampling_interval.load(std::memory_order_relaxed);
}

format::StopReason LiveRecording::stop_reason() const {
  return static_cast<format::StopReason>(
      header_of(blocks_).stop_reason.load(std::memory_order_relaxed));
}

void LiveRecording::request_sampling(uint64_t interval) {
  header_of(blocks_).requested_interval.store(interval, std::memory_order_relaxed);
}

void LiveRecording::request(format::Request what) {
  header_of(blocks_).request.fetch_or(static_cast<uint64_t>(what), std::memory_order_relaxed);
}

void LiveRecording::withdraw(format::Request what) {
  header_of(blocks_).request.fetch_and(~static_cast<uint64_t>(what), std::memory_order_relaxed);
}

bool LiveRecording::is_requested(format::Request what) const {
  return (header_of(blocks_).request.load(std::memory_order_relaxed) &
          static_cast<uint64_t>(what)) != 0;
}

uint64_t LiveRecording::last_ledger_ns() const {
  uint64_t last = 0;
  for (const format::LedgerRecord& record : ledger_of(blocks_).record) {
    last = std::max(last, record.t_ns.load(std::memory_order_acquire));  // the walk's release
  }
  return last;
}

uint64_t LiveRecording::censuses() const {
  const format::SegmentHeader& header = header_of(blocks_);
  // Acquires the store that published the last census.
  const uint32_t table = header.cohort_table.load(std::memory_order_acquire);
  return table == 1 || table == 2
             ? header.census[table - 1].censuses.load(std::memory_order_relaxed)
             : 0;
}

uint64_t LiveRecording::trims() const {
  return header_of(blocks_).trim_count.load(std::memory_order_acquire);  // the trim's release
}

format::ObjectsState LiveRecording::objects_state() const {
  // Acquires the store that published the last count.
  return static_cast<format::ObjectsState>(
      header_of(blocks_).objects.state.load(std::memory_order_acquire));
}

uint64_t LiveRecording::object_counts() const {
  return header_of(blocks_).objects.counts.load(std::memory_order_relaxed);
}

uint64_t LiveRecording::now_ns() const {
  const uint64_t start = header_of(blocks_).start_monotonic_ns;
  const uint64_t now = monotonic_ns();
  return now > start ? now - start : 0;
}

LiveRecording::LiveRecording(int fd, void* blocks)
    : fd_(fd),
      blocks_(blocks),
      pid_(static_cast<pid_t>(header_of(blocks_).pid)),
      program_(program_of(pid_)) {
  const auto process = read_process_stat(static_cast<uint32_t>(pid_));
  if (process) stack_start_ = process->stack_start;
}

// A file that somebody cut short under us answers with SIGBUS.
bool LiveRecording::is_whole() const {
  struct stat status {};
  return fstat(fd_, &status) == 0 && status.st_size >= static_cast<off_t>(kMappedBytes);
}

void LiveRecording::check_whole(const std::string& name) const {
  if (is_whole()) return;
  throw Error(name, "its recording was cut short by somebody", "restart the process for another");
}

// The pid may be of another namespace, or have passed to another process.
bool LiveRecording::process_is_alive() const {
  if (!is_whole()) return false;
  const format::SegmentHeader& header = header_of(blocks_);
  const auto process = read_process_stat(header.pid);
  return process && header.process_start_ticks != 0 &&
         process->start_ticks == header.process_start_ticks && process->state != 'Z' &&
         process->stack_start == stack_start_ && program_of(pid()) == program_;
}

std::optional<LiveFigures> LiveRecording::tick() {
  format::SegmentHeader& header = header_of(blocks_);
  if (!process_is_alive() || !is_recording(header)) return std::nullopt;
  const Resident now = resident(pid());
  const uint64_t live = header.live_bytes.load(std::memory_order_relaxed);
  const uint64_t mapped = header.mapped_bytes.load(std::memory_order_relaxed);
  const LiveFigures figures{now.rss_bytes, live + mapped};

  const uint64_t clock = monotonic_ns();
  const format::TickLock lock(header.tick_lock, clock);
  if (!lock.held() || clock <= header.start_monotonic_ns) return figures;
  const uint64_t t_ns = clock - header.start_monotonic_ns;
  format::TimelineRecord* slots = timeline_of(blocks_);
  const auto* latest = std::max_element(
      slots, slots + format::kTimelineSlots,
      [](const format::TimelineRecord& a, const format::TimelineRecord& b) {
        return a.t_ns.load(std::memory_order_acquire) < b.t_ns.load(std::memory_order_acquire);
      });
  const uint64_t last_ns = latest->t_ns.load(std::memory_order_acquire);
  const uint64_t interval = header.timeline_interval_ns.load(std::memory_order_relaxed);
  if (t_ns < last_ns + std::max(kIdleNs, interval)) return figures;
  // The counts are those of the last point: had they moved much, the process had ticked.
  const uint64_t live_count = latest->live_count.load(std::memory_order_relaxed);
  const uint64_t alloc_count = latest->alloc_count.load(std::memory_order_relaxed);
  const uint64_t alloc_bytes = latest->alloc_bytes.load(std::memory_order_relaxed);
  format::append(slots, header.timeline_interval_ns, t_ns, now.rss_bytes, now.anon_bytes, live,
                 live_count, alloc_count, alloc_bytes, mapped);
  return figures;
}

void request_census(const std::string& path) {
  const std::unique_ptr<LiveRecording> recording = LiveRecording::open(path);
  if (recording == nullptr) return;
  const uint64_t before = recording->censuses();
  recording->request(format::Request::kCensus);
  for (int i = 0; i < 50; ++i) {
    recording->check_whole(path);
    if (recording->censuses() != before) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  recording->withdraw(format::Request::kCensus);
}

std::optional<LiveFigures> LiveDirectory::tick(pid_t pid) {
  std::optional<LiveFigures> result;
  const std::vector<RecordingFile> files = list_recordings({directory_});  // by pid and start
  for (size_t i = 0; i < files.size(); ++i) {
    Entry& entry = entries_[files[i].path];
    // An older recording of the pid is that of a program the process was before an exec.
    const bool newest = i + 1 == files.size() || files[i + 1].pid != files[i].pid;
    if (!newest) entry.recording.reset();
    if (newest && !entry.recording && entry.attempts_left > 0) {
      --entry.attempts_left;
      entry.recording = LiveRecording::open(files[i].path);
    }
    if (!entry.recording) continue;
    const std::optional<LiveFigures> figures = entry.recording->tick();
    if (figures && entry.recording->pid() == pid) result = figures;
    if (!figures) entry.recording.reset();
  }
  return result;
}

}  // namespace mla
