#include "reader/decode_cohorts.h"

#include <algorithm>
#include <map>

namespace mla {

namespace {

// No process has more: sums of such figures do not overflow.
constexpr uint64_t kMostBytes = 1ULL << 56;
constexpr uint64_t kMostNs = 1ULL << 60;  // 36 years

template <class T>
T relaxed(const std::atomic<T>& value) {
  return value.load(std::memory_order_relaxed);
}

// Time since the start at which active time was so much: the label that was current, and what is
// left of it at the speed of active time.
uint64_t begin_of(const format::CohortCensus& census, uint32_t i, uint64_t before_ns) {
  const uint64_t end = relaxed(census.t_ns);
  return std::clamp(relaxed(census.born_ns[i]), std::min(before_ns, end), end);
}

bool is_plausible(const format::CohortCensus& census) {
  const uint64_t active = relaxed(census.active_ns);
  const uint64_t first = relaxed(census.first_label);
  return relaxed(census.t_ns) < kMostNs && active <= relaxed(census.t_ns) &&
         first + format::kCohortLabels <= format::kMostLabel + 1 &&
         format::birth_label_start(static_cast<uint32_t>(first)) <= active;
}

bool is_plausible(const SiteCohorts& site) {
  return std::all_of(site.cohorts.begin(), site.cohorts.end(),
                     [](const Cohort& c) { return c.live_bytes < kMostBytes; });
}

// Of two records of one site, which two racing threads may have made.
void merge(SiteCohorts& to, const SiteCohorts& from) {
  to.since_active_ns = std::max(to.since_active_ns, from.since_active_ns);
  for (size_t k = 0; k < to.deaths.size(); ++k) to.deaths[k] += from.deaths[k];
  for (size_t i = 0; i < to.cohorts.size(); ++i) {
    to.cohorts[i].allocated += from.cohorts[i].allocated;
    to.cohorts[i].live += from.cohorts[i].live;
    to.cohorts[i].live_bytes += from.cohorts[i].live_bytes;
    to.cohorts[i].recorded += from.cohorts[i].recorded;
  }
}

}  // namespace

Census census_of(const format::CohortCensus& census) {
  Census result;
  result.censuses = relaxed(census.censuses);
  result.t_ns = relaxed(census.t_ns);
  result.active_ns = relaxed(census.active_ns);
  result.cost_ns = relaxed(census.cost_ns);
  result.blocks = relaxed(census.blocks);
  result.left_out = relaxed(census.left_out);
  return result;
}

SiteCohorts cohorts_of(const format::CohortCensus& census, const format::CohortRecord& record) {
  SiteCohorts site;
  site.since_active_ns = std::min(record.since_ns, relaxed(census.active_ns));
  std::copy(std::begin(record.deaths), std::end(record.deaths), site.deaths.begin());
  const uint32_t first = relaxed(census.first_label);
  const uint64_t active = relaxed(census.active_ns);
  const auto add = [&](const format::CohortCell& cell, uint64_t to_active_ns, uint64_t to_ns) {
    Cohort cohort;
    if (!site.cohorts.empty()) {
      cohort.from_active_ns = site.cohorts.back().to_active_ns;
      cohort.from_ns = site.cohorts.back().to_ns;
    }
    cohort.to_active_ns = to_active_ns;
    cohort.to_ns = to_ns;
    cohort.allocated = cell.allocated;
    cohort.live = cell.live;
    cohort.live_bytes = cell.live_bytes;
    cohort.recorded = std::min(cell.recorded, cell.live);
    site.cohorts.push_back(cohort);
  };
  const auto begins = [&](uint32_t i) {
    return begin_of(census, i, site.cohorts.empty() ? 0 : site.cohorts.back().to_ns);
  };
  if (first > 0) add(record.older, format::birth_label_start(first), begins(0));
  for (uint32_t i = 0; i < format::kCohortLabels; ++i) {
    const uint64_t next = format::birth_label_start(first + i + 1);
    const bool last = next >= active || i + 1 == format::kCohortLabels;
    add(record.cell[i], last ? active : next, last ? relaxed(census.t_ns) : begins(i + 1));
    if (last) break;
  }
  // Before the first label ever there is only what was counted before the site had a row.
  if (first == 0) site.cohorts.front().allocated += record.older.allocated;
  return site;
}

void decode_cohorts(const SegmentImage& image, const IdMap& map, const IdMap& moved,
                    Snapshot& snapshot, DamageLog& damage) {
  const format::CohortCensus* census = image.census();
  if (census == nullptr) return;
  if (!is_plausible(*census)) {
    damage.add("cohorts", "a census at an impossible time was left out", 0);
    return;
  }
  snapshot.census = census_of(*census);
  const uint64_t rows =
      std::min<uint64_t>(relaxed(census->rows), format::shape(image.census_table()).max_records());
  std::map<uint32_t, SiteCohorts> by_site;
  for (uint64_t i = 0; i < rows; ++i) {
    const auto* record = image.record<format::CohortRecord>(image.census_table(), i);
    const uint32_t old = record == nullptr ? kNoIndex : lookup(map, record->site);
    if (old == kNoIndex || moved[old] == kNoIndex) {
      damage.add("cohorts", "of a call site that does not exist; left out", i);
      continue;
    }
    SiteCohorts site = cohorts_of(*census, *record);
    if (!is_plausible(site)) {
      damage.add("cohorts", "of impossible size; left out", i);
      continue;
    }
    site.site_index = moved[old];
    const auto [entry, added] = by_site.try_emplace(moved[old], site);
    if (!added) merge(entry->second, site);
  }
  for (auto& [index, site] : by_site) snapshot.census.sites.push_back(std::move(site));
}

}  // namespace mla
