// The segment file: one per recorded process, written by libmla.so, read by anyone, at any time.
//
//   block 0            SegmentHeader, table directory                       (32 KiB)
//   blocks 1 .. 2      timeline: kTimelineSlots records of 64 bytes         (64 KiB)
//   blocks 3 .. 6      site history: kHistoryColumns x kHistoryRows         (128 KiB)
//   block 7            ledger: kLedgerSlots records of 512 bytes, then two LedgerDetails
//   blocks 8 ..        blocks of the tables, in the order they were needed
//
// A table is an array of equal records cut into blocks. Its directory in the header lists the file
// block of its first, second, ... block of records; 0 means "not yet". The directory bounds every
// table and so the whole file (kMaxFileBytes): a run of any length has a file of bounded size.
//
// Guarantees:
// * Killed at any instruction, the file is readable. A record becomes visible by one release store
//   to its publish field (named in each record below); until then that field is 0 and the reader
//   skips the record. Nothing is finalised at exit; an exit only stores a flag.
// * Counters have one writer thread each and are plain 64-bit stores: a reader, or a kill, sees
//   each counter whole, and a site's counters at most one event apart.
// * A block is backed by the file system before anything is stored to it, so that a full disk is an
//   error code for the writer and never SIGBUS for the host.
// * Offsets and ids only, no pointers. All integers little-endian, as on the recording machine.
//
// Rejected: an event log (unbounded: 2 TB in one public report of a peer); a lock per table (a
// killed or forked holder blocks every reader); finalising at exit (kill -9 and the OOM killer are
// the main use); a growing contiguous array per table (cannot move under a reader).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "format/cohorts.h"
#include "format/objects.h"

namespace mla::format {

inline constexpr uint64_t kMagic = 0x0a0d474553414c4dULL;  // "MLASEG\r\n" in file order
// A reader refuses every version but its own; see docs/format.md for what each one changed.
inline constexpr uint32_t kVersion = 5;

inline constexpr uint32_t kBlockBytes = 32 * 1024;
inline constexpr uint32_t kHeaderBlocks = 1;
inline constexpr uint32_t kTimelineBlock = 1;
inline constexpr uint32_t kTimelineBlocks = 2;
inline constexpr uint32_t kHistoryBlock = 3;
inline constexpr uint32_t kHistoryBlocks = 4;
inline constexpr uint32_t kLedgerBlock = 7;
inline constexpr uint32_t kLedgerBlocks = 1;
inline constexpr uint32_t kFirstTableBlock = 8;

enum class Table : uint32_t {
  kStrings,      // bytes
  kModules,      // ModuleRecord
  kNodes,        // NodeRecord: the stack trie
  kSites,        // SiteRecord
  kCounters,     // CounterRecord
  kThreads,      // ThreadRecord
  kPeakA,        // PeakRecord, indexed by site id
  kPeakB,        // PeakRecord, indexed by site id
  kInherited,    // InheritedRecord, indexed by site id
  kPythonCode,   // PythonCodeRecord
  kPythonBytes,  // bytes: names and line tables of the code objects
  kPythonTypes,  // PythonTypeRecord: the last count of Python's objects
  kCohortsA,     // CohortRecord
  kCohortsB,     // CohortRecord
  kTableCount,
};
inline constexpr uint32_t kTableCount = static_cast<uint32_t>(Table::kTableCount);

struct TableShape {
  uint32_t record_bytes;
  uint32_t records_per_block;
  uint32_t max_blocks;
  uint32_t directory_index;  // of the table's first directory entry
  constexpr uint64_t max_records() const {
    return static_cast<uint64_t>(records_per_block) * max_blocks;
  }
};

// Sizes: 2 Mi trie nodes, 1 Mi sites, 1.5 Mi counters (100 threads of 15,000 sites each).
// Counters are handed to threads in runs of 64, 8 runs a block.
inline constexpr TableShape kTables[kTableCount] = {
    {1, kBlockBytes, 64, 0},      // strings: 2 MiB
    {96, 341, 24, 64},            // modules: 8,184
    {16, 2048, 1024, 88},         // nodes: 2,097,152
    {16, 2048, 512, 1112},        // sites: 1,048,576
    {64, 512, 3072, 1624},        // counters: 1,572,864
    {128, 256, 32, 4696},         // threads: 8,192
    {16, 2048, 512, 4728},        // peak A
    {16, 2048, 512, 5240},        // peak B
    {32, 1024, 1024, 5752},       // inherited
    {32, 1024, 64, 6776},         // Python code: 65,536
    {1, kBlockBytes, 512, 6840},  // their names and line tables: 16 MiB
    {192, 170, 4, 7352},          // types of Python's objects: 680
    {896, 36, 29, 7356},          // cohorts A: 1,044
    {896, 36, 29, 7385},          // cohorts B
};
inline constexpr uint32_t kDirectoryEntries = 7414;
inline constexpr const TableShape& shape(Table t) { return kTables[static_cast<uint32_t>(t)]; }

inline constexpr uint32_t kMaxBlocks = kFirstTableBlock + kDirectoryEntries;
inline constexpr uint64_t kMaxFileBytes = static_cast<uint64_t>(kMaxBlocks) * kBlockBytes;

// Bytes of a string in the strings table, as offset << 32 | length. 0: none.
// A string never crosses a block. Publish: the one store of the reference.
using StringRef = std::atomic<uint64_t>;
// Bytes of the table of Python's names likewise, which may cross blocks: BytesRef.
using BytesRef = uint64_t;
inline constexpr uint64_t make_string_ref(uint32_t offset, uint32_t length) {
  return static_cast<uint64_t>(offset) << 32 | length;
}

enum class State : uint32_t {
  kNone = 0,
  kRecording = 1,
  kStopped = 2,   // the process went on, its recording did not; see StopReason
  kExited = 3,    // exit or _exit was called; counts stay valid to the last event
  kReplaced = 4,  // the process executed another program, which is recorded on its own
};

enum class StopReason : uint32_t {
  kNone = 0,
  kNoSpace = 1,    // the file system of the segment is full; stop_errno tells more
  kFileLimit = 2,  // RLIMIT_FSIZE, or the bound of the format
  kSeccomp = 3,    // the program installed a filter of system calls
  kCount,
};

// Why an event is missing from the counters, or its detail from the stacks.
enum class Loss : uint32_t {
  kReentrant = 0,    // allocation inside mla or inside a signal handler that interrupted mla
  kNoThread = 1,     // no thread record or counter could be had
  kNoLiveMap = 2,    // the live map could not grow: the block is unknown, never "leaked"
  kFarAddress = 3,   // a block above 2^47
  kNoMapping = 4,    // the table of mappings was full or busy
  kUnknownFree = 5,  // free of a block not seen being allocated: not an error, not a lost event
  kMissedFree = 6,   // an address was handed out again before its free was seen; counted as freed
  kStackTruncated = 7,      // deeper than kMaxStackDepth: the outer frames are missing
  kStackTableFull = 8,      // no room for a new stack: counted under a shorter one
  kSiteTableFull = 9,       // no room for a new site: counted under kOverflowSite
  kStackIncomplete = 10,    // unwinding ended before the first frame of the thread
  kModuleTableFull = 11,    // frames of a module that is not in the log
  kStackHeuristic = 12,     // frames without unwind information were followed by the frame pointer
  kPythonCodeFull = 13,     // Python frames whose function found no room: shown without a name
  kPythonStackBroken = 14,  // Python stacks that could not be read to their end
  kCount = 21,
};
inline constexpr uint32_t kLossCount = static_cast<uint32_t>(Loss::kCount);
// Reasons whose events are absent from every total ("lost_events").
inline constexpr uint32_t kLostEventMask = 1U << 0 | 1U << 1 | 1U << 2 | 1U << 3 | 1U << 4;

inline constexpr uint32_t kMaxStackDepth = 1024;
// Of a deeper stack so many inner frames are kept, not kMaxStackDepth: they would be others at each
// depth of a recursion, and every one of them a new stack of a thousand frames.
inline constexpr uint32_t kTruncatedDepth = 128;

inline constexpr uint64_t kNoRequest = 0;
inline constexpr uint64_t kExactInterval = 1;
inline constexpr uint64_t kOffInterval = ~uint64_t{0};

// What someone outside may ask of the process: bits of SegmentHeader::request.
enum class Request : uint64_t {
  kLedger = 1,   // a new ledger, at once
  kTrim = 2,     // let the serving allocator give back what it can
  kObjects = 4,  // count the objects of Python
  kCollect = 8,  // the same, and again after a full collection
  kCensus = 16,  // a census of the cohorts, at once
};

// What is recorded of the CPython in the process.
enum class PythonMode : uint32_t {
  kNone = 0,     // there is none, or nothing of it can be read
  kFrames = 1,   // Python stacks, and arenas
  kObjects = 2,  // also the blocks its allocator serves from arenas
};

struct SegmentHeader {
  uint64_t magic;
  uint32_t version;
  uint32_t header_bytes;  // sizeof(SegmentHeader)
  uint32_t block_bytes;
  uint32_t pointer_bytes;
  std::atomic<uint32_t> state;  // State
  std::atomic<uint32_t> stop_reason;
  std::atomic<int32_t> stop_errno;
  std::atomic<uint32_t> blocks_used;  // blocks backed and in use: the file's real length
  std::atomic<uint64_t> stop_ns;      // since start_monotonic_ns; also of an exit
  std::atomic<int32_t> exit_code;     // of exit or _exit; -1: not known

  uint32_t pid;
  uint32_t parent_pid;
  uint32_t uid;
  uint32_t fork_depth;       // forks since the last exec; 0: not a forked child
  uint32_t parent_recorded;  // the parent was recorded by mla too: parent_segment names its file
  uint32_t thp_mode;         // 0 unknown, 1 never, 2 madvise, 3 always
  std::atomic<uint32_t> python;  // PythonMode
  uint64_t start_realtime_ns;    // Unix time at which recording began
  uint64_t start_monotonic_ns;   // CLOCK_MONOTONIC at the same instant
  uint64_t process_start_ticks;  // /proc/PID/stat field 22; 0 unknown
  uint64_t page_bytes;

  StringRef exe;   // path
  StringRef argv;  // NUL-separated, cut at 8 KiB
  StringRef working_directory;
  StringRef host;
  StringRef kernel;
  StringRef cgroup;
  StringRef parent_segment;  // path of the parent's file, for a forked child
  StringRef allocator;       // ptmalloc2, jemalloc, tcmalloc, mimalloc, or a file name
  StringRef allocator_version;
  StringRef allocator_path;
  StringRef python_version;  // empty: no CPython
  StringRef settings;        // MLA_* variables, "NAME=value\n"
  StringRef note;            // anything a reader must tell the user, one line each

  // Heap totals of all threads, a few events behind; exact figures are the sums of the counters.
  std::atomic<uint64_t> live_bytes;
  std::atomic<uint64_t> live_count;
  std::atomic<uint64_t> alloc_bytes;
  std::atomic<uint64_t> alloc_count;
  std::atomic<uint64_t> mapped_bytes;     // live bytes of anonymous mappings, exact
  std::atomic<uint64_t> object_bytes;     // alive in Python's arenas, inherited ones too
  std::atomic<uint64_t> arena_bytes;      // of address space in Python's arenas, at the last tick
  std::atomic<uint64_t> peak_live_bytes;  // highest live_bytes ever seen
  std::atomic<uint64_t> peak_ns;
  // Which peak table holds the composition: 0 none, 1 kPeakA, 2 kPeakB. Publish field of a peak.
  std::atomic<uint32_t> peak_table;
  uint32_t reserved1;
  struct PeakInfo {
    std::atomic<uint64_t> live_bytes;
    std::atomic<uint64_t> ns;
    std::atomic<uint64_t> sites;  // records filled, indexes 0 .. sites - 1
  } peak[2];

  std::atomic<uint64_t> timeline_interval_ns;
  std::atomic<uint64_t> history_interval_ns;
  std::atomic<uint64_t> tick_lock;           // 0, or the monotonic ns at which a ticker took it
  std::atomic<uint64_t> own_private_bytes;   // mla's private memory, live map left out
  std::atomic<uint64_t> own_live_map_bytes;  // resident bytes of the live map, at the last tick
  std::atomic<uint64_t> losses[kLossCount];
  // When recording was switched off (kOffInterval), in ns since the start and at least 1: the first
  // time, and from when to when the last time. 0: never. While it is off the end is not above the
  // begin.
  std::atomic<uint64_t> off_first_ns;
  std::atomic<uint64_t> off_begin_ns;
  std::atomic<uint64_t> off_end_ns;
  // Mean bytes between two sampled allocations; kExactInterval: every one is recorded;
  // kOffInterval: none.
  std::atomic<uint64_t> sampling_interval;
  // Written from outside (`mla ctl`): a new interval, or kNoRequest. Taken up by the process at its
  // next tick.
  std::atomic<uint64_t> requested_interval;
  std::atomic<uint32_t> ever_sampled;  // some counts and bytes are estimates
  uint32_t budget_ppm;                 // of CPU time, MLA_BUDGET; 0: none
  std::atomic<uint64_t> sampling_ns;   // CPU time spent on samples
  // MLA_UNWIND_CHECK: captures compared with libunwind, those that differed, and of the first of
  // them the frame (0: leaf) and the two program counters there.
  std::atomic<uint64_t> unwind_checked;
  std::atomic<uint64_t> unwind_differed;
  std::atomic<uint64_t> unwind_first_frame;
  std::atomic<uint64_t> unwind_first_pc;
  std::atomic<uint64_t> unwind_first_reference_pc;

  std::atomic<uint64_t> ledger_interval_ns;
  // Written from outside (`mla why`, `mla py`): Request bits, taken up at the next tick.
  std::atomic<uint64_t> request;
  // Times the serving allocator was made to give memory back (MLA_TRIM_INTERVAL, `mla why
  // --probe`), and of the last of them: when it ended, how long it took, RSS around it.
  // Publish: trim_count.
  std::atomic<uint64_t> trim_count;
  std::atomic<uint64_t> trim_ns;
  std::atomic<uint64_t> trim_took_ns;
  std::atomic<uint64_t> trim_rss_before;
  std::atomic<uint64_t> trim_rss_after;

  PythonObjects objects;

  // Which table holds the last whole census: 0 none, 1 kCohortsA, 2 kCohortsB. Publish field.
  std::atomic<uint32_t> cohort_table;
  uint32_t reserved2;
  CohortCensus census[2];

  // Records claimed in each table. Records beyond it do not exist; records below it may still be
  // unpublished (their publish field is 0).
  std::atomic<uint64_t> claimed[kTableCount];
  std::atomic<uint32_t> directory[kDirectoryEntries];
};
static_assert(sizeof(SegmentHeader) <= kHeaderBlocks * kBlockBytes);
static_assert(std::atomic<uint64_t>::is_always_lock_free);
static_assert(sizeof(std::atomic<uint64_t>) == 8);

}  // namespace mla::format
