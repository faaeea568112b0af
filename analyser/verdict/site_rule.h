// Whether a call site leaks, by the cohorts of its blocks: how many of those born in each stretch
// of the run are alive, and at what ages blocks died. Pure functions.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "reader/snapshot.h"
#include "verdict/verdict.h"

namespace mla {

struct SiteRuling {
  // kLeak, kGrowing, kBounded (all was born early), kStable (old blocks die) or kInsufficient.
  VerdictClass verdict = VerdictClass::kInsufficient;
  std::string reason;  // one line, why this verdict
  // So often would a site whose old blocks die at twice the tolerated hazard, or which has stopped
  // keeping blocks, look like this one. 1: nothing speaks for a leak.
  double p_value = 1;
  Rate rate;  // bytes per hour, of blocks of middle age that stay
  // Deaths per block and run among the blocks older than `hazard_age` of the run; with 3 deaths
  // added, so that it is about the upper end of a 95 % interval (0 seen: fewer than 3).
  double hazard = 0;
  double hazard_age = 0;
  // Survivors were born as fast, to a factor of 2.5, by the work done in all three stretches.
  bool with_work = false;
  bool they_die = false;  // significantly more old blocks than tolerated
  // Recorded survivors born in the older and younger half of the middle age (12.5 to 43.75 and
  // 43.75 to 75 % of the run), and in its last quarter.
  double older = 0;
  double younger = 0;
  double last = 0;
};

// What share of the work of the run, its allocations mostly, was done up to a moment of it (ns
// since its start, as Cohort::from_ns). Empty: work went on evenly.
using WorkDone = std::function<double(uint64_t t_ns)>;

// `active_ns`: Census::active_ns. `freed`: blocks of the site ever freed, an estimate with
// sampling: where there are next to none, none was freed before deaths were counted, either.
// Growth has slowed down only if it has by the clock and by the work done: a process that is given
// less of the processor slows down, too. O(cohorts).
SiteRuling site_ruling(const SiteCohorts& site, uint64_t active_ns, uint64_t freed,
                       const WorkDone& work_done = {});

// The evidence in one line: of how many blocks born when how many are alive, and at what age none
// dies any more. `t`: hours, minutes or seconds of the run, as suits its length.
std::string cohort_strip(const SiteCohorts& site, const SiteRuling& ruling);

}  // namespace mla
