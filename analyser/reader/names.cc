#include "reader/names.h"

#include <cstring>

namespace mla {

namespace {

struct LossText {
  const char* name;
  const char* sentence;
};

// Indexed by format::Loss.
constexpr LossText kLosses[] = {
    {"reentrant", "events inside mla itself or inside a signal handler that interrupted it"},
    {"no_thread", "events of threads for which there was no record or counter left"},
    {"live_map_full", "blocks that found no room in the live map; they never count as live"},
    {"far_address", "blocks at addresses above 2^47"},
    {"mapping_table_full", "anonymous mappings that found the table of mappings full or busy"},
    {"unknown_free", "frees of blocks allocated before recording began or past mla; no error"},
    {"missed_free", "frees noticed only when their address was handed out again"},
    {"stack_truncated", "stacks deeper than 1,024 frames; their outer frames are missing"},
    {"stack_table_full", "stacks that found no room and were counted under a shorter one"},
    {"site_table_full", "events that found no room for a new call site"},
    {"stack_incomplete", "stacks that could not be unwound to the start of their thread"},
    {"module_table_full", "frames of modules that found no room in the module log"},
    {"stack_heuristic",
     "stacks through code without unwind information (JIT), followed by the frame pointer"},
    {"python_code_full", "Python frames whose function found no room; they have no name"},
    {"python_stack_broken", "Python stacks that could not be read to their end"},
};

struct StopText {
  const char* name;
  const char* sentence;
};

// Indexed by format::StopReason.
constexpr StopText kStops[] = {
    {"", ""},
    {"no_space", "the file system of the recording is full"},
    {"file_limit", "the recording may not grow further (RLIMIT_FSIZE, or its own bound)"},
    {"seccomp", "the program installed a filter of system calls (seccomp)"},
};

}  // namespace

std::string status_name(ProcessStatus status) {
  switch (status) {
    case ProcessStatus::kAlive:
      return "alive";
    case ProcessStatus::kExited:
      return "exited";
    case ProcessStatus::kCopied:
      return "copied";
    case ProcessStatus::kKilled:
      break;
  }
  return "killed";
}

std::string loss_name(format::Loss loss) {
  const auto i = static_cast<uint32_t>(loss);
  return i < std::size(kLosses) ? kLosses[i].name : "unknown_" + std::to_string(i);
}

std::string loss_sentence(format::Loss loss) {
  const auto i = static_cast<uint32_t>(loss);
  return i < std::size(kLosses) ? kLosses[i].sentence : "losses of a kind this mla does not know";
}

bool is_lost_event(format::Loss loss) {
  return (format::kLostEventMask >> static_cast<uint32_t>(loss) & 1) != 0;
}

std::string sampling_name(SamplingMode mode) {
  switch (mode) {
    case SamplingMode::kExact:
      return "exact";
    case SamplingMode::kSampled:
      return "sampled";
    case SamplingMode::kOff:
      break;
  }
  return "off";
}

std::string stop_name(format::StopReason reason) {
  const auto i = static_cast<uint32_t>(reason);
  return i < std::size(kStops) ? kStops[i].name : "unknown_" + std::to_string(i);
}

std::string stop_sentence(format::StopReason reason, int error_number) {
  const auto i = static_cast<uint32_t>(reason);
  std::string text = i < std::size(kStops) ? kStops[i].sentence : "for a reason mla does not know";
  if (error_number > 0) text += std::string(" (") + std::strerror(error_number) + ")";
  return text;
}

std::string mark_name(uint64_t mark) {
  switch (static_cast<format::PcMark>(mark)) {
    case format::PcMark::kTruncated:
      return "[deeper frames not recorded]";
    case format::PcMark::kIncomplete:
      return "[stack could not be unwound further]";
    case format::PcMark::kInnermost:
      return "[outer native frames not recorded]";
  }
  return "[unknown frame]";
}

}  // namespace mla
