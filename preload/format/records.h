// The records of the segment's tables. Sizes are part of the format: every one is asserted.
#pragma once

#include <atomic>
#include <cstdint>

#include "format/layout.h"

namespace mla::format {

// Ids of different tables do not convert into each other.
enum class ModuleId : uint32_t { kNone = 0 };
enum class NodeId : uint32_t { kRoot = 0 };
enum class SiteId : uint32_t { kNone = 0, kOverflow = 1 };
enum class PythonCodeId : uint32_t { kNone = 0 };
template <class Id>
constexpr uint32_t index(Id id) {
  return static_cast<uint32_t>(id);
}
inline constexpr uint32_t kFirstSite = 2;  // the first site id handed out

// A file mapped with code that appeared in a stack. Index 0 is never used.
// Publish: state. The range holds while load_ns <= t < unload_ns.
struct ModuleRecord {
  std::atomic<uint32_t> state;  // 0 unpublished, 1 loaded, 2 unloaded
  uint32_t build_id_bytes;
  uint64_t start;    // lowest mapped address
  uint64_t end;      // one past the highest
  uint64_t bias;     // address in memory - address in the ELF file (l_addr)
  uint64_t load_ns;  // first seen, since start_monotonic_ns
  std::atomic<uint64_t> unload_ns;
  StringRef path;
  uint8_t build_id[32];
  uint64_t loader_object;  // the writer's own; tells a module from a later one at the same address
};
static_assert(sizeof(ModuleRecord) == 96);

// One frame of a stack: a node of the trie of return addresses, outermost frame nearest the root.
// Frames of Python are nodes of the same trie, in stacks of their own.
// Index 0 is the root and never stored. parent < own index. Publish: pc.
struct NodeRecord {
  std::atomic<uint64_t> pc;  // kPcExact | address, kPcPython | ..., or a PcMark
  uint32_t parent;           // NodeId
  uint32_t module;           // ModuleId; 0: no file (JIT code, Python, or unknown)
};
static_assert(sizeof(NodeRecord) == 16);
// pc is a return address, so its line is that of pc - 1; with this bit it is the interrupted
// instruction itself (the frame below a signal handler).
inline constexpr uint64_t kPcExact = 1ULL << 63;
inline constexpr uint64_t kPcAddress = (1ULL << 48) - 1;
// A frame of Python is no address but
//
//   0 | kPcPython:1 | kPcPythonEntry:1 | 0:13 | code:24 | offset:24         (bit 63 first)
//
// code: PythonCodeId, 0 if it found no room. offset: of the instruction that is being executed, in
// bytes from the first one of the code object; kPcPythonOffsetMask if it is larger.
inline constexpr uint64_t kPcPython = 1ULL << 62;
// One call of the interpreter's evaluation loop runs a group of frames. This is the outermost one
// of its group: the frame further out belongs to another call of the loop, further out on the
// native stack.
inline constexpr uint64_t kPcPythonEntry = 1ULL << 61;
inline constexpr uint64_t kPcPythonOffsetMask = (1ULL << 24) - 1;
inline constexpr uint32_t kPcPythonCodeShift = 24;
inline constexpr uint64_t kPcPythonCodeMask = (1ULL << 24) - 1;
// A call of the loop that runs no frame yet, or no longer: a group without one.
inline constexpr uint64_t kPcPythonEmptyGroup = kPcPython | kPcPythonEntry | kPcPythonOffsetMask;
inline constexpr uint64_t make_python_pc(PythonCodeId code, uint64_t offset, bool entry) {
  if (offset > kPcPythonOffsetMask) offset = kPcPythonOffsetMask;
  return kPcPython | (entry ? kPcPythonEntry : 0) |
         static_cast<uint64_t>(code) << kPcPythonCodeShift | offset;
}
// Values below 0x1000 are no addresses but marks, children of the root.
enum class PcMark : uint64_t {
  kTruncated = 1,   // deeper than kMaxStackDepth: frames beyond kTruncatedDepth are missing
  kIncomplete = 2,  // the unwinder could not go further
  kInnermost = 3,   // of objects of Python only the innermost native frame is recorded
};

enum class SiteKind : uint32_t { kUnpublished = 0, kHeap = 1, kMapping = 2 };

// How the line table of a code object is to be read.
enum class PythonLines : uint32_t {
  kUnpublished = 0,
  kNone = 1,            // there is none, or it found no room
  kLnotab = 2,          // co_lnotab of 3.6 to 3.9: pairs of (bytes, lines), both may be continued
  kLinetable = 3,       // co_linetable of 3.10, PEP 626: pairs of (bytes, lines), -128: no line
  kLocations = 4,       // co_linetable since 3.11, "Objects/locations.md" of CPython
  kUnsignedLnotab = 5,  // co_lnotab of 2.7
  kCount,
};

// A code object of Python, a function mostly: copied once, when it is first seen in a stack.
// Index 0 is never used. Names are UTF-8, but for lone surrogates. Publish: lines_format.
struct PythonCodeRecord {
  std::atomic<uint32_t> lines_format;  // PythonLines
  uint32_t first_line;
  BytesRef file;      // as Python compiled it: may be relative, or "<string>"
  BytesRef function;  // qualified since 3.11
  BytesRef lines;
};
static_assert(sizeof(PythonCodeRecord) == 32);

// A call site: one native stack with one Python stack. Publish: kind.
// Two records may name the same stack (a race of two threads): the reader merges them.
struct SiteRecord {
  std::atomic<uint32_t> kind;  // SiteKind
  uint32_t native;             // NodeId of the leaf
  uint32_t python;             // NodeId of the innermost Python frame; 0: no Python stack
  uint32_t first_seen_ms;      // since start_monotonic_ns
};
static_assert(sizeof(SiteRecord) == 16);

// What one shard (a thread; its shard passes to another thread once it has ended) did at one site.
// Bytes are requested bytes, for a mapping whole pages. With sampling, counts and bytes are
// unbiased estimates, and the variances those of the bytes: live bytes have a standard error of
// sqrt((alloc_variance - freed_variance) * kVarianceUnit). Publish: site.
struct CounterRecord {
  std::atomic<uint32_t> site;  // SiteId
  uint32_t shard;
  std::atomic<uint64_t> alloc_count;
  std::atomic<uint64_t> alloc_bytes;
  std::atomic<uint64_t> freed_count;
  std::atomic<uint64_t> freed_bytes;
  std::atomic<uint64_t> alloc_variance;
  std::atomic<uint64_t> freed_variance;
  std::atomic<uint64_t> samples;  // allocations recorded by sampling, freed ones included
};
static_assert(sizeof(CounterRecord) == 64);
// Bytes squared. Keeps 10^9 samples of 1 MiB within 64 bits.
inline constexpr uint64_t kVarianceUnit = 1 << 12;
inline constexpr uint32_t kCountersPerRun = 64;

// A thread that allocated. Publish: tid. Totals are refreshed as the thread goes along (they may be
// a few hundred events old) and at its end.
struct ThreadRecord {
  std::atomic<uint32_t> tid;
  std::atomic<uint32_t> state;  // 1 running, 2 ended
  uint32_t shard;
  uint32_t reserved;
  uint64_t start_ns;
  std::atomic<uint64_t> end_ns;
  std::atomic<uint64_t> name[2];  // 16 bytes, NUL-padded, as of PR_GET_NAME
  std::atomic<uint64_t> alloc_count;
  std::atomic<uint64_t> alloc_bytes;
  std::atomic<uint64_t> freed_count;
  std::atomic<uint64_t> freed_bytes;
  uint64_t reserved2[6];
};
static_assert(sizeof(ThreadRecord) == 128);

struct PeakRecord {
  std::atomic<uint64_t> live_bytes;
  std::atomic<uint64_t> live_count;
};
static_assert(sizeof(PeakRecord) == 16);

// A forked child: what it got from its parent, alive at the fork, and what it freed of that.
// Not part of the counters of the child.
struct InheritedRecord {
  std::atomic<uint64_t> live_count;  // at the fork
  std::atomic<uint64_t> live_bytes;
  std::atomic<uint64_t> freed_count;  // since then, by this process
  std::atomic<uint64_t> freed_bytes;
};
static_assert(sizeof(InheritedRecord) == 32);

// A point of the process over time. Publish: t_ns (0 = slot empty). Slots are in no order.
struct TimelineRecord {
  std::atomic<uint64_t> t_ns;        // since start_monotonic_ns, at least 1
  std::atomic<uint64_t> rss_bytes;   // 0: /proc was not readable
  std::atomic<uint64_t> anon_bytes;  // resident, not backed by a file or shared memory
  std::atomic<uint64_t> live_bytes;
  std::atomic<uint64_t> live_count;
  std::atomic<uint64_t> alloc_count;
  std::atomic<uint64_t> alloc_bytes;
  std::atomic<uint64_t> mapped_bytes;
};
static_assert(sizeof(TimelineRecord) == 64);
inline constexpr uint32_t kTimelineSlots = kTimelineBlocks * kBlockBytes / sizeof(TimelineRecord);

// The largest sites at one time. Publish: t_ns of the column (0 = empty). Columns are in no order.
struct HistoryRow {
  std::atomic<uint32_t> site;        // 0: row not used
  std::atomic<uint32_t> live_count;  // saturates
  std::atomic<uint64_t> live_bytes;
};
static_assert(sizeof(HistoryRow) == 16);
inline constexpr uint32_t kHistoryColumns = 32;
inline constexpr uint32_t kHistoryRows = 255;
struct HistoryColumn {
  std::atomic<uint64_t> t_ns;
  std::atomic<uint64_t> rows;
  HistoryRow row[kHistoryRows];
};
static_assert(sizeof(HistoryColumn) == 4096);
static_assert(sizeof(HistoryColumn) * kHistoryColumns == kHistoryBlocks * kBlockBytes);

static_assert(shape(Table::kModules).record_bytes == sizeof(ModuleRecord));
static_assert(shape(Table::kNodes).record_bytes == sizeof(NodeRecord));
static_assert(shape(Table::kSites).record_bytes == sizeof(SiteRecord));
static_assert(shape(Table::kCounters).record_bytes == sizeof(CounterRecord));
static_assert(shape(Table::kCounters).records_per_block % kCountersPerRun == 0);
static_assert(shape(Table::kThreads).record_bytes == sizeof(ThreadRecord));
static_assert(shape(Table::kPeakA).record_bytes == sizeof(PeakRecord));
static_assert(shape(Table::kInherited).record_bytes == sizeof(InheritedRecord));
static_assert(shape(Table::kPythonCode).record_bytes == sizeof(PythonCodeRecord));
static_assert(shape(Table::kPythonCode).max_records() <= kPcPythonCodeMask);
static_assert(shape(Table::kCohortsA).record_bytes == sizeof(CohortRecord));
static_assert(shape(Table::kCohortsB).record_bytes == sizeof(CohortRecord));
// PeakX and Inherited are indexed by site id and must hold all of them.
static_assert(shape(Table::kPeakA).max_records() >= shape(Table::kSites).max_records());
static_assert(shape(Table::kInherited).max_records() >= shape(Table::kSites).max_records());

constexpr bool directories_are_contiguous() {
  uint32_t next = 0;
  for (const TableShape& t : kTables) {
    if (t.directory_index != next || t.record_bytes * t.records_per_block > kBlockBytes)
      return false;
    next += t.max_blocks;
  }
  return next == kDirectoryEntries;
}
static_assert(directories_are_contiguous());

}  // namespace mla::format
