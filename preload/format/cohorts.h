// The cohorts of a call site: of its blocks, how many were born when, and how many of them are
// alive. From a census over all live blocks, taken eight times while the run doubles in length.
//
// Births are counted in active time, which goes on while the process allocates and stands still
// while it is idle: between two events that are further apart than most_gap() only so much passes.
// So a server that waited for a day before its load came has lived, for this purpose, since then,
// and neither is a program that rarely allocates different from one that does so all the time.
//
// A block's birth label is its birth on a scale of eight labels an octave of active time, a
// floating-point number with three bits of mantissa. Labels never have to be changed however long
// the run is, and at any moment the last four octaves of a run have 32 of them:
//
//   label:   exponent:5 | mantissa:3          from (8 | mantissa) << (exponent - 1) units on,
//                                             or from `mantissa` units on with exponent 0
//
// Rejected: epochs of equal length, merged in pairs when the run outgrows them, for every live
// block then has to be given its new epoch; a counter of frees by age, for every free then pays.
#pragma once

#include <atomic>
#include <cstdint>

namespace mla::format {

inline constexpr uint32_t kBirthUnitBits = 22;  // of 4.2 ms: labels last for 833 days
inline constexpr uint32_t kLabelsAnOctave = 8;
inline constexpr uint32_t kMostLabel = 255;  // later births all have this one

// A 32nd of the run, 10 to 125 ms.
constexpr uint64_t most_gap(uint64_t active_ns) {
  const uint64_t part = active_ns / 32;
  return part < 10'000'000 ? 10'000'000 : part > 125'000'000 ? 125'000'000 : part;
}

constexpr uint32_t birth_label(uint64_t active_ns) {
  const uint64_t units = active_ns >> kBirthUnitBits;
  if (units < kLabelsAnOctave) return static_cast<uint32_t>(units);
  const auto shift = static_cast<uint32_t>(60 - __builtin_clzll(units));  // leaves four bits
  const uint64_t label = (uint64_t{shift + 1} << 3) | (units >> shift & 7);
  return label > kMostLabel ? kMostLabel : static_cast<uint32_t>(label);
}

// Active time at which a label begins, in ns.
constexpr uint64_t birth_label_start(uint32_t label) {
  const uint32_t exponent = label >> 3;
  const uint64_t mantissa = label & 7;
  const uint64_t units = exponent == 0 ? mantissa : (8 | mantissa) << (exponent - 1);
  return units << kBirthUnitBits;
}
static_assert(birth_label(birth_label_start(200)) == 200);
static_assert(birth_label(birth_label_start(200) - 1) == 199);

// Blocks of a site that were born within one label. Counts and bytes are estimates with sampling;
// `recorded` counts the blocks they rest on. Counts saturate.
struct CohortCell {
  uint64_t live_bytes;
  uint32_t allocated;  // by all that was counted; 0 with live ones: it is not known
  uint32_t live;
  uint32_t recorded;  // of the live ones
  uint32_t reserved;
};
static_assert(sizeof(CohortCell) == 24);

inline constexpr uint32_t kCohortLabels = 32;
inline constexpr uint32_t kDeathAges = 8;

// A call site of which enough blocks of middle age are alive to ask whether it leaks.
// Publish: SegmentHeader::cohort_table, with all records of its table.
struct CohortRecord {
  uint32_t site;  // SiteId
  uint32_t reserved;
  uint64_t since_ns;  // active time; deaths before it were not counted
  // Recorded blocks that were alive in one census and dead in the next, by their age then: [k] of
  // an age in (T / 2^(k+1), T / 2^k], T the active time of the run; the last one also of younger.
  uint32_t deaths[kDeathAges];
  CohortCell older;  // born before the first label
  CohortCell cell[kCohortLabels];
  uint64_t reserved2[7];
};
static_assert(sizeof(CohortRecord) == 896);

// What a table of cohorts is about.
struct CohortCensus {
  std::atomic<uint64_t> t_ns;                    // since start_monotonic_ns: when the census began
  std::atomic<uint64_t> active_ns;               // active time then
  std::atomic<uint64_t> cost_ns;                 // CPU time it took
  std::atomic<uint64_t> blocks;                  // live ones it met
  std::atomic<uint32_t> rows;                    // records filled, indexes 0 .. rows - 1
  std::atomic<uint32_t> left_out;                // sites that found no room
  std::atomic<uint32_t> first_label;             // of cell[0]
  std::atomic<uint32_t> censuses;                // taken so far, with this one
  std::atomic<uint64_t> born_ns[kCohortLabels];  // time since the start at which each label began
};

}  // namespace mla::format
