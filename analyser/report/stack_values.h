// What the exports of stacks have in common: folded, pprof, speedscope.
//
// Heap call sites only, so that every value adds up to a total of the report: live_bytes,
// alloc_bytes, peak_snapshot_bytes. With sampling the figures are the report's, scaled already.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "reader/snapshot.h"
#include "symbols/symbolizer.h"

namespace mla {

enum class StackValue {
  kLive,       // bytes alive
  kAllocated,  // bytes ever allocated
  kPeak,       // bytes alive when the process was at its peak
  kGrowth,     // by which the site grew after starting up, when above 0: growth_after_start
               // (series/growth.h), as on the page. Only the largest sites have a history: a lower
               // bound. At the end all of it may be freed
};

// "live", "allocated", "peak", "growth".
std::string value_name(StackValue value);

struct StackCounts {
  uint64_t alloc_count = 0;
  uint64_t alloc_bytes = 0;
  uint64_t live_count = 0;
  uint64_t live_bytes = 0;
  uint64_t peak_count = 0;
  uint64_t peak_bytes = 0;
  uint64_t growth_bytes = 0;

  uint64_t bytes(StackValue value) const;
  StackCounts& operator+=(const StackCounts& other);
};

// Of each of Snapshot::sites; none of mappings.
std::vector<StackCounts> site_counts(const Snapshot& snapshot);

// What stands for the stack of a call site that has none.
const char* instead_of_stack(const Site& site);

struct CountedStack {
  std::vector<const Frame*> frames;  // leaf first; they hold as long as the symbolizer
  std::string instead;               // without frames: what to show, "[no stack]"
  StackCounts counts;
};

// One for every different stack, by live bytes, largest first. `native`: with the C frames of
// Python's interpreter.
std::vector<CountedStack> counted_stacks(const Snapshot& snapshot, Symbolizer& symbolizer,
                                         bool native);

}  // namespace mla
