// Which call sites of two recordings are the same code. Addresses mean nothing from one run to the
// next, so stacks are compared by what their frames are called.
//
// - A frame is its function and source file, the file by its base name: build directories differ.
// - Where the code is known to be the same (equal build-ids; a Python function with an equal table
//   of lines) its line is part of it, of a Python function the line within the function, and so is
//   the offset of code without a name. Elsewhere lines may have moved.
// - Sites that differ in nothing but such lines are put in order of these lines and paired in that
//   order if there are as many in both recordings and the sizes of their allocations agree. Else
//   those are paired that differ least in these sizes and in the distance of their lines, as if
//   lines had been put in or taken out (line_pairs.h). If two pairings are as good as each other
//   there is no telling: they stay together as one match.
// - The mappings that CPython keeps its small objects in are one match.
// - What is left is compared by the names of its functions alone: without files, parameters,
//   template arguments, the standard library's frames and the interpreter's.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "symbols/symbolizer.h"

namespace mla {

enum class MatchKind : uint8_t {
  kSame,       // functions and lines
  kMoved,      // functions; lines have moved
  kNearest,    // the same, and some have no partner, or the sizes of allocations do not agree
  kFunctions,  // functions; lines are not known, or which became which cannot be told
  kNames,      // names of functions alone
  kOnlyA,
  kOnlyB,
};
inline constexpr size_t kMatchKinds = 7;

// A stable identifier, as in JSON: "same", "moved", "nearest", "functions", "names", "only_a",
// "only_b".
std::string match_kind_name(MatchKind kind);

// Each site of a recording is in one match. Several of one recording: their stacks read the same,
// or kFunctions, kNames, or Python's arenas.
struct SiteMatch {
  MatchKind kind = MatchKind::kSame;
  std::vector<uint32_t> a;  // indexes into Snapshot::sites, in this order
  std::vector<uint32_t> b;
};

struct RecordingNames {
  const Snapshot& snapshot;
  Symbolizer& symbolizer;
};

// In no particular order, but in the same one for the same recordings. Heap sites match heap sites,
// mappings mappings.
std::vector<SiteMatch> match_sites(const RecordingNames& a, const RecordingNames& b);

// "ns::f" of "int ns::f<int>(char*) [clone .cold]".
std::string bare_function(const std::string& function);

}  // namespace mla
