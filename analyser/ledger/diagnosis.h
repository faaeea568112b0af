// What stands out in a ledger, the numbers behind it, and what to try.
#pragma once

#include <string>
#include <vector>

#include "ledger/growth_of_live.h"
#include "ledger/ledger.h"

namespace mla {

enum class Diagnosis {
  kLiveGrowth,    // what is alive grows
  kRetention,     // the allocator keeps free pages
  kPinned,        // free memory lies on pages that live blocks keep
  kPythonArenas,  // of CPython's objects
  kStacks,
  kMappings,
  kFiles,
  kNotRecorded,  // what looks free may be blocks of while recording was off
  kNone,         // nothing stands out: what is resident is in use
};

// "live_growth", ...: as in JSON.
std::string diagnosis_name(Diagnosis diagnosis);

struct Advice {
  std::string action;  // what to do, with the line to paste where there is one
  std::string reason;
};

struct Finding {
  Diagnosis diagnosis = Diagnosis::kNone;
  LiveGrowth growth;
  std::vector<Advice> advice;  // most promising first
};

// In this order: growth (growth_of_live.h); a fifth of RSS without mla itself, 8 MiB at least, free
// in the heap and more than there is in any of the other buckets below: pinned if more than half of
// it is on pages that live blocks keep, else retention; as much of what is free in Python's arenas;
// the largest of arenas whose objects are not recorded, mappings, stacks and files when it has 40 %
// of RSS. Of a recording that was off, what is free is kNotRecorded: it may be blocks.
Finding diagnose(const Snapshot& snapshot, const Ledger& ledger);

}  // namespace mla
