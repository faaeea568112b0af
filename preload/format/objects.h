// The objects of CPython by type, counted on request (`mla py`) by a thread of the process itself:
// the last count, and what the one before it had found.
//
// "Tracked" objects are those of the cyclic collector, as gc.get_objects() lists them. "Other" ones
// are reached from them: str, bytes, int, and containers the collector has let go of. Bytes are
// those of sys.getsizeof().
#pragma once

#include <atomic>
#include <cstdint>

namespace mla::format {

// How far a count is, or why there is none.
enum class ObjectsState : uint32_t {
  kNone = 0,
  kWaiting = 1,     // for the interpreter's lock
  kCounting = 2,    // the interpreter stands still
  kCollecting = 3,  // a full collection runs
  kWriting = 4,
  kDone = 5,
  kNotSupported = 6,  // of this version, or one that does not export what mla needs
  kNoThread = 7,      // the thread that counts could not be started
  kNoMemory = 8,
  kNotListed = 9,  // the interpreter could not list its objects
  kNotCollected = 10,
  kEnding = 11,  // the interpreter was at its end
  kCount,
};

enum class ObjectsFlag : uint32_t {
  kOthersCut = 1,    // more other objects than there is room for: some are not counted
  kTypesCut = 2,     // more types than there is room for: the rest is counted as "other types"
  kCollected = 4,    // after a full collection
  kGcEnabled = 8,    // the collector runs by itself
  kGcReadable = 16,  // what the collector says of itself is there
};

struct ObjectTotals {
  uint64_t tracked_count;
  uint64_t tracked_bytes;
  uint64_t other_count;
  uint64_t other_bytes;
};

struct GcGeneration {
  uint64_t threshold;
  uint64_t count;
  uint64_t collections;
  uint64_t collected;
  uint64_t uncollectable;
};

struct PythonObjects {
  std::atomic<uint32_t> state;  // ObjectsState
  std::atomic<uint32_t> flags;  // ObjectsFlag
  // Publish: all below, and the types, are of count number `counts` while `state` is kDone.
  std::atomic<uint64_t> counts;
  uint64_t t_ns;         // since start_monotonic_ns: when it was counted
  uint64_t waited_ns;    // for the interpreter's lock
  uint64_t held_ns;      // the interpreter stood still, collections left out
  uint64_t before_t_ns;  // of the count before; 0: there was none
  ObjectTotals now;
  ObjectTotals before;
  uint64_t types;    // how many there are
  uint64_t rows;     // records in the table: the largest, and those that grew or shrank most
  uint64_t garbage;  // objects in gc.garbage
  GcGeneration generation[3];
  // With kCollected: what the collection found, how long it took, and what was there before it.
  uint64_t collected;
  uint64_t collect_ns;
  uint64_t rss_before;
  uint64_t rss_after;
  ObjectTotals uncollected;
};

struct PythonTypeRecord {
  static constexpr uint32_t kNameBytes = 120;
  char name[kNameBytes];  // module.name, NUL-terminated, its last 119 bytes
  ObjectTotals now;
  ObjectTotals before;  // 0 in the first count
  uint64_t garbage;     // in gc.garbage
};
static_assert(sizeof(PythonTypeRecord) == 192);

}  // namespace mla::format
