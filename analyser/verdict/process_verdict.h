// The leak verdict of a recording: of the process, and of its call sites. Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "reader/snapshot.h"
#include "verdict/site_rule.h"
#include "verdict/verdict.h"

namespace mla {

// The timeline as series, where the process was at work (busy_window.h): strictly increasing times,
// live bytes of heap and mappings together, RSS, which is empty when a point does not know it, and
// the allocations made so far with their bytes. Where Python's objects are recorded mappings are
// left out: most of them are the arenas these objects are in.
struct LiveSeries {
  std::vector<double> t_s;
  std::vector<double> live_bytes;
  std::vector<double> rss_bytes;
  std::vector<double> allocations;
  std::vector<double> allocated_bytes;
};
LiveSeries live_series(const Snapshot& snapshot);

// Over time, and in a run of less than ten minutes also over the work done, counted in allocations
// and in their bytes. Growth with time alone is insufficient then, as a program at work on one job
// grows like that; and what holds too little independent information over time, as of a program
// that works by fits and starts, is a leak if it grows with the work by both counts. Less than 64
// KiB in so short a run is a cache that fills, as likely as not: insufficient.
SeriesVerdict live_verdict(const LiveSeries& series, const VerdictOptions& options);

struct SiteVerdict {
  uint32_t site_index = 0;  // into Snapshot::sites
  SeriesVerdict verdict;    // of both, its cohorts and its live bytes over time
  double growth_share = 0;  // of a leak: of what the process grew, or all sites that leak did
  // Of the cohorts, when they were counted: index into Snapshot::census.sites.
  std::optional<uint32_t> cohorts;
  SiteRuling ruling;
};

struct ProcessVerdict {
  LiveSeries series;
  double hours = 0;     // of the run that was judged
  double census_s = 0;  // time of the last census; infinite if there is none
  SeriesVerdict process;
  // Sites that leak, by rate; then those that still grow, and those that are insufficient and grew.
  // A site is judged by its cohorts where there are enough of its blocks, else by its history.
  // Of a leak without any of these: up to five that grew most between the first and the last moment
  // of their history, as insufficient; the rate is that growth, without an interval.
  std::vector<SiteVerdict> sites;
};

// What the sites are by themselves, the first ones leaks, by rate. Of many sites some would look
// like leaks by chance: a site is called a leak only when the Benjamini-Hochberg procedure (J. R.
// Stat. Soc. B 57, 1995) with a false discovery rate of 5 % keeps it, else insufficient.
std::vector<SiteVerdict> site_verdicts(const Snapshot& snapshot);

// A process whose samples leave it open is a leak if up to five call sites are, in a minute or
// more, that account for half of its growth and keep pace with its work: they are seen by their
// blocks, however noisy the sum of all sites is. The rate is theirs. If it is no leak after less
// than ten minutes, its sites are still growing at most: a job that is not done, as a compiler's,
// keeps blocks as a leak does.
// `series` is what the verdict is of: all, or what suppressed sites leave.
void weigh_sites(const LiveSeries& series, const VerdictOptions& options, ProcessVerdict& found);

// All of it. The options hold for the process; a site that leaks is one at any rate.
ProcessVerdict process_verdict(const Snapshot& snapshot, const VerdictOptions& options = {});

// The largest number k of the smallest p-values with p(k) <= k / m * rate, of m; the p-values may
// be in any order. Those at most the returned threshold are discoveries; below 0 there are none.
double discovery_threshold(std::vector<double> p_values, double rate);

}  // namespace mla
