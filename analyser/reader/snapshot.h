// A Snapshot is what a recording says at one moment: a plain value, read once from a segment file
// and checked, with nothing left that points into the file. Every analysis is a pure function of
// one or more Snapshots, so that every analysis can be tested without a process.
//
// Units: bytes, nanoseconds since the start of the recording (t_ns), counts of events.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "format/format.h"

namespace mla {

// kCopied: the process lives and records into another file. Of a copy only what it holds is used,
// nothing of the process: its figures and the process's now are of two moments.
enum class ProcessStatus { kAlive, kExited, kKilled, kCopied };

struct ProcessInfo {
  uint32_t pid = 0;
  uint32_t parent_pid = 0;
  uint32_t uid = 0;
  uint32_t fork_depth = 0;  // forks since the last exec
  bool parent_recorded = false;
  std::string parent_segment;  // path of the parent's recording, of a forked child
  std::string exe;
  std::vector<std::string> argv;
  std::string working_directory;
  std::string host;
  std::string kernel;
  std::string cgroup;
  std::string thp_mode = "unknown";  // or "never", "madvise", "always"
  uint64_t start_realtime_ns = 0;    // Unix time
  uint64_t start_monotonic_ns = 0;
  uint64_t process_start_ticks = 0;
  uint64_t page_bytes = 0;
  std::string allocator;  // "ptmalloc2", "jemalloc", "tcmalloc", "mimalloc" or a file name
  std::string allocator_version;
  std::string allocator_path;
  std::string python_version;         // empty: no CPython
  std::string python_mode = "none";   // what is recorded of it; or "frames", "objects"
  std::vector<std::string> settings;  // "MLA_X=value"
  std::vector<std::string> notes;     // lines the user must be told
};

struct ModuleInfo {
  std::string path;
  std::string build_id;  // lower-case hex, may be empty
  uint64_t start = 0;
  uint64_t end = 0;
  uint64_t bias = 0;  // address in memory - address in the ELF file
  uint64_t load_ns = 0;
  uint64_t unload_ns = 0;  // 0: still loaded
  std::string file;        // where to read it, if not at `path`; mostly empty
};

// A code object of Python, mostly a function.
struct PythonCode {
  std::string file;      // as Python compiled it: may be relative, or "<string>"
  std::string function;  // qualified since 3.11
  uint32_t first_line = 0;
  format::PythonLines lines_format = format::PythonLines::kNone;
  std::string lines;  // see symbols/python_lines.h

  // NOLINTNEXTLINE(modernize-use-nullptr): of the comparison with 0 that the compiler writes
  friend auto operator<=>(const PythonCode&, const PythonCode&) = default;
};

enum class NodeKind : uint8_t {
  kNative,
  kPython,      // pc: offset of the instruction in bytes; code, entry
  kEmptyGroup,  // of Python frames: see format::kPcPythonEmptyGroup
};

// A node of the stack trie; the parent has a smaller index. Index 0 is the root (no frame).
struct StackNode {
  uint64_t pc = 0;  // address, without flags; a format::PcMark if below 0x1000
  uint32_t parent = 0;
  uint32_t module = 0;    // index into Snapshot::modules; 0: none
  bool exact_pc = false;  // pc is an interrupted instruction, not a return address
  NodeKind kind = NodeKind::kNative;
  bool entry = false;  // outermost of its group of Python frames, see format::kPcPythonEntry
  uint32_t code = 0;   // index into Snapshot::python_codes; 0: not known

  bool operator==(const StackNode&) const = default;
};

// All counters of one call site, summed over threads; sites with the same stack are merged.
struct Site {
  uint32_t id = 0;        // of the file (of the first of the merged ones)
  uint32_t native = 0;    // leaf: index into Snapshot::nodes; 0: no stack
  uint32_t python = 0;    // innermost Python frame: index into Snapshot::nodes; 0: no Python stack
  bool mapping = false;   // anonymous mmap of the program, not heap
  bool overflow = false;  // stands for all sites that found no room in the table
  uint64_t first_seen_ns = 0;
  uint64_t alloc_count = 0;
  uint64_t alloc_bytes = 0;
  uint64_t freed_count = 0;
  uint64_t freed_bytes = 0;
  uint64_t live_count = 0;  // alloc - freed, never below 0
  uint64_t live_bytes = 0;
  uint64_t peak_bytes = 0;  // of this site when the whole process was at its peak
  uint64_t peak_count = 0;
  // Alive at the fork and since freed by this process; not part of the figures above.
  uint64_t inherited_count = 0;
  uint64_t inherited_bytes = 0;
  uint64_t inherited_freed_count = 0;
  uint64_t inherited_freed_bytes = 0;
  // With sampling the figures are unbiased estimates. Standard errors in bytes; 0: exact.
  double live_se = 0;
  double alloc_se = 0;
  uint64_t samples = 0;  // allocations the estimate rests on
};

struct ThreadInfo {
  uint32_t tid = 0;
  std::string name;
  bool ended = false;
  uint64_t start_ns = 0;
  uint64_t end_ns = 0;
  uint64_t alloc_count = 0;
  uint64_t alloc_bytes = 0;
  uint64_t freed_count = 0;
  uint64_t freed_bytes = 0;
};

struct TimelinePoint {
  uint64_t t_ns = 0;
  uint64_t rss_bytes = 0;  // 0: not known
  uint64_t anon_bytes = 0;
  uint64_t live_bytes = 0;  // heap
  uint64_t live_count = 0;
  uint64_t alloc_count = 0;
  uint64_t alloc_bytes = 0;
  uint64_t mapped_bytes = 0;
};

struct SiteHistoryPoint {
  uint64_t t_ns = 0;
  uint64_t live_bytes = 0;
  uint64_t live_count = 0;
};
// Live bytes over time of one site; points only where it was among the largest, in time order.
struct SiteHistory {
  uint32_t site_index = 0;  // into Snapshot::sites
  std::vector<SiteHistoryPoint> points;
};

enum class SamplingMode { kExact, kSampled, kOff };

// Of SegmentHeader::sampling_interval.
inline SamplingMode sampling_mode(uint64_t interval) {
  if (interval == format::kOffInterval) return SamplingMode::kOff;
  return interval > format::kExactInterval ? SamplingMode::kSampled : SamplingMode::kExact;
}

// How densely the process records now, and whether it has ever sampled.
struct SamplingInfo {
  SamplingMode mode = SamplingMode::kExact;
  uint64_t interval_bytes = 0;  // mean bytes between two samples; 0 unless kSampled
  double budget_percent = 0;    // of CPU time; 0: none
  bool estimates = false;       // some figures are estimates
  // When recording was off, so that blocks of then are in no figure: the first time, and from when
  // to when the last time. 0: never. While it is off the end is not above the begin.
  uint64_t off_first_ns = 0;
  uint64_t off_begin_ns = 0;
  uint64_t off_end_ns = 0;

  bool was_off() const { return off_begin_ns != 0; }
  bool is_off() const { return was_off() && off_end_ns <= off_begin_ns; }
};

struct Totals {  // heap only, except where said
  uint64_t live_bytes = 0;
  uint64_t live_count = 0;
  uint64_t alloc_bytes = 0;
  uint64_t alloc_count = 0;
  uint64_t freed_bytes = 0;
  uint64_t freed_count = 0;
  uint64_t peak_live_bytes = 0;
  uint64_t peak_ns = 0;
  uint64_t peak_snapshot_bytes = 0;  // total of the composition kept in Site::peak_bytes
  uint64_t peak_snapshot_ns = 0;
  uint64_t mapped_bytes = 0;     // live anonymous mappings of the program
  uint64_t object_bytes = 0;     // alive in Python's arenas, inherited ones too; some events behind
  uint64_t arena_bytes = 0;      // address space of these arenas, at the last tick
  uint64_t inherited_bytes = 0;  // still alive
  uint64_t inherited_count = 0;
  uint64_t lost_events = 0;  // events absent from every total
  double live_se = 0;        // standard errors of estimates, in bytes; 0: exact
  double alloc_se = 0;
  uint64_t own_bytes = 0;           // memory of mla itself: file, tables, live map
  uint64_t own_live_map_bytes = 0;  // of these the last, resident
};

// MLA_UNWIND_CHECK: captured stacks compared with libunwind's.
struct UnwindCheck {
  uint64_t checked = 0;
  uint64_t differed = 0;
  // Of the first that differed: the frame (0: leaf), and the two addresses there (0: no frame).
  uint64_t first_frame = 0;
  uint64_t first_pc = 0;
  uint64_t first_reference_pc = 0;
};

// Where the resident memory was at one time: format/ledger.h explains the figures, in bytes.
struct LedgerPoint {
  uint64_t t_ns = 0;
  uint64_t started_ns = 0;
  uint64_t cost_ns = 0;     // CPU time of the walk that found this
  uint64_t longest_ns = 0;  // of its slices
  uint64_t slices = 0;
  bool heap_map = false;    // the parts of the heap are measured, not only its sum
  bool incomplete = false;  // not all of the address space could be looked at
  uint64_t rss_begin = 0;
  uint64_t rss_end = 0;
  uint64_t heap = 0;
  uint64_t brk_heap = 0;  // of it in [heap]
  uint64_t live = 0;      // requested, of blocks of the heap
  uint64_t live_blocks = 0;
  uint64_t touched = 0;
  uint64_t rounding = 0;
  uint64_t overhead = 0;
  uint64_t free_pages = 0;
  uint64_t pinned = 0;
  uint64_t pinned_pages = 0;
  uint64_t full_pages = 0;
  uint64_t mappings = 0;
  uint64_t stacks = 0;
  uint64_t stack_count = 0;
  uint64_t files = 0;
  uint64_t shared = 0;
  uint64_t own = 0;
  uint64_t unknown = 0;
  uint64_t mapped = 0;         // address space of the program's mappings, then
  uint64_t statistics_ns = 0;  // when the allocator was asked; 0: never
  format::AllocatorStatistics allocator{};
  uint64_t arenas = 0;         // of Python, resident
  uint64_t arena_bytes = 0;    // their address space
  bool objects = false;        // Python's objects are recorded, so that they are in `live`
  uint64_t object_live = 0;    // requested, of the objects in the arenas
  uint64_t object_blocks = 0;  // so many
  uint64_t object_touched = 0;
  uint64_t object_rounding = 0;
  uint64_t arena_pinned = 0;  // free, on pages that objects keep; only with heap_map
  uint64_t arena_free_pages = 0;
  uint64_t object_bytes = 0;  // live by the counters, then
};

// Of the last LedgerPoint: what a call site holds, largest first.
struct HeldPages {
  uint32_t site_index = 0;  // into Snapshot::sites
  uint64_t pinned = 0;      // free bytes on pages its blocks keep
  uint64_t resident = 0;    // of its mappings
};

struct ResidentFile {
  std::string path;
  uint64_t resident = 0;
};

// A type of Python's objects in the last count; see format/objects.h.
struct ObjectType {
  std::string name;  // module.name
  format::ObjectTotals now{};
  format::ObjectTotals before{};
  uint64_t garbage = 0;
};

struct ObjectCounts {
  uint64_t counts = 0;  // how often they were counted; 0: never, and nothing else is set
  uint32_t flags = 0;   // format::ObjectsFlag
  uint64_t t_ns = 0;
  uint64_t waited_ns = 0;
  uint64_t held_ns = 0;
  uint64_t before_t_ns = 0;  // 0: there was no count before
  format::ObjectTotals now{};
  format::ObjectTotals before{};
  uint64_t type_count = 0;
  uint64_t garbage = 0;
  std::array<format::GcGeneration, 3> generations{};
  uint64_t collected = 0;
  uint64_t collect_ns = 0;
  uint64_t rss_before = 0;
  uint64_t rss_after = 0;
  format::ObjectTotals uncollected{};
  std::vector<ObjectType> types;  // the largest first; not all, if there are more than 680

  bool has(format::ObjectsFlag flag) const { return (flags & static_cast<uint32_t>(flag)) != 0; }
};

// The blocks of a call site that were born in one stretch of the run; see format/cohorts.h for
// active time, which runs only while the process allocates. Estimates with sampling.
struct Cohort {
  uint64_t from_active_ns = 0;
  uint64_t to_active_ns = 0;
  uint64_t from_ns = 0;  // the same in time since the start
  uint64_t to_ns = 0;
  uint64_t allocated = 0;  // 0 with live ones: not known
  uint64_t live = 0;
  uint64_t live_bytes = 0;
  uint64_t recorded = 0;  // of the live ones; fewer than `live` with sampling
};

struct SiteCohorts {
  uint32_t site_index = 0;       // into Snapshot::sites
  uint64_t since_active_ns = 0;  // deaths were counted from then on
  // Of recorded blocks, at an age in (T / 2^(k+1), T / 2^k], T the active time of the run.
  std::array<uint64_t, format::kDeathAges> deaths{};
  std::vector<Cohort> cohorts;  // in time order, from the start of the run to the census
};

// The last census of live blocks: of the call sites that may leak.
struct Census {
  uint64_t censuses = 0;  // so far; 0: none, and nothing else is set
  uint64_t t_ns = 0;
  uint64_t active_ns = 0;  // the active time of the run, then
  uint64_t cost_ns = 0;    // CPU time it took
  uint64_t blocks = 0;     // live ones it met
  uint64_t left_out = 0;   // sites that found no room
  std::vector<SiteCohorts> sites;
};

// The last time the serving allocator was made to give memory back.
struct TrimInfo {
  uint64_t count = 0;
  uint64_t t_ns = 0;
  uint64_t took_ns = 0;
  uint64_t rss_before = 0;
  uint64_t rss_after = 0;
};

struct Snapshot {
  std::string path;  // of the file it was read from
  ProcessInfo process;
  ProcessStatus status = ProcessStatus::kKilled;
  std::string status_detail;  // e.g. "replaced by exec", "exit code 3"; may be empty
  format::StopReason stop_reason = format::StopReason::kNone;
  int stop_errno = 0;
  uint64_t stop_ns = 0;  // when recording stopped or the process exited; 0: neither
  uint64_t last_ns = 0;  // the latest moment the recording knows of
  uint64_t file_bytes = 0;
  Totals totals;
  std::array<uint64_t, format::kLossCount> losses{};
  SamplingInfo sampling;
  UnwindCheck unwind_check;
  std::vector<ModuleInfo> modules;       // [0] is a placeholder for "no module"
  std::vector<PythonCode> python_codes;  // [0] is a placeholder for a code that found no room
  std::vector<StackNode> nodes;          // [0] is the root
  std::vector<Site> sites;               // by live bytes, largest first
  std::vector<ThreadInfo> threads;
  std::vector<TimelinePoint> timeline;  // in time order
  std::vector<SiteHistory> history;
  Census census;
  std::vector<LedgerPoint> ledger;  // in time order
  std::vector<HeldPages> held;
  std::vector<ResidentFile> files;  // largest first
  TrimInfo trim;
  ObjectCounts objects;
  std::vector<std::string> damage;  // what the reader skipped or clamped, one line each
};

}  // namespace mla
