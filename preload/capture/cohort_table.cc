#include "capture/cohort_table.h"

#include "segment/own_memory.h"

namespace mla {

namespace {

using format::birth_label;
using format::birth_label_start;
using format::kCohortLabels;

constexpr uint32_t kLeastForRow = 4;  // survivors of middle age
constexpr uint32_t kLeastYounger = 2;

uint32_t saturated(uint64_t value) {
  return value > 0xffffffff ? 0xffffffff : static_cast<uint32_t>(value);
}

template <class T>
T smaller(T a, T b) {
  return a < b ? a : b;
}
template <class T>
T larger(T a, T b) {
  return a < b ? b : a;
}

// Birth of the blocks of a label, as far as it matters for their age.
uint64_t middle_of(uint32_t label) {
  return (birth_label_start(label) + birth_label_start(label + 1)) / 2;
}

uint32_t octave_of(uint64_t age_ns) {
  const uint64_t units = age_ns >> format::kBirthUnitBits;
  return units == 0 ? 0 : static_cast<uint32_t>(63 - __builtin_clzll(units));
}

}  // namespace

bool CohortTable::make_room(uint64_t site_limit) {
  if (site_limit <= site_capacity_) return true;
  constexpr uint64_t kFirst = 4096;
  const uint64_t capacity = larger(kFirst, site_limit * 2);
  auto* const fresh = static_cast<SiteCount*>(own_reserve(capacity * sizeof(SiteCount)));
  if (fresh == nullptr) return false;
  if (sites_ != nullptr) __builtin_memcpy(fresh, sites_, site_capacity_ * sizeof(SiteCount));
  // A child may be forked at any instruction of this: what it finds must be its own, and as large
  // as it is said to be. So the size is given up first and set last.
  SiteCount* const old = sites_;
  const uint64_t old_capacity = site_capacity_;
  site_capacity_ = site_limit_ = 0;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  sites_ = fresh;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  site_capacity_ = capacity;
  if (old_capacity != 0) own_unmap(old, old_capacity * sizeof(SiteCount));
  return true;
}

bool CohortTable::begin(uint64_t active_ns, uint64_t site_limit) {
  if (!make_room(site_limit)) return false;
  site_limit_ = site_limit;
  before_ns_ = active_ns_;
  active_ns_ = active_ns;
  label_ = birth_label(active_ns);
  middle_begin_ = birth_label(active_ns / 8);
  middle_half_ = birth_label(active_ns / 16 * 7);
  middle_end_ = birth_label(active_ns / 4 * 3);
  const uint32_t first = label_ < kCohortLabels ? 0 : label_ - (kCohortLabels - 1);
  survivors_ = survivor_bytes_ = 0;
  for (uint64_t i = 0; i < site_limit; ++i) {
    sites_[i].allocated = 0;
    sites_[i].middle = sites_[i].younger = 0;
  }
  const auto turn = [](Cell& cell) {
    cell.before = cell.recorded;
    cell.bytes = cell.live = cell.recorded = 0;
  };
  for (uint32_t i = 0; i < rows_in_use_; ++i) {
    Row& row = row_at(i);
    if (row.site == 0) continue;
    for (uint32_t l = first_label_; l < smaller(first, first_label_ + kCohortLabels); ++l) {
      Cell& cell = row.cell[l % kCohortLabels];
      row.older.recorded = saturated(uint64_t{row.older.recorded} + cell.recorded);
      row.older.allocated = saturated(uint64_t{row.older.allocated} + cell.allocated);
      cell = {};
    }
    turn(row.older);
    for (Cell& cell : row.cell) turn(cell);
  }
  first_label_ = first;
  return true;
}

void CohortTable::add_survivor(uint32_t site, uint32_t label, uint64_t blocks, uint64_t bytes) {
  // What was born since begin() belongs to the next census.
  if (site >= site_limit_ || label > label_) return;
  ++survivors_;
  survivor_bytes_ += bytes;
  SiteCount& count = sites_[site];
  if (label >= middle_begin_ && label < middle_end_) {
    count.middle += count.middle != 0xffff;
    if (label >= middle_half_) count.younger += count.younger != 0xffff;
  }
  if (count.row == 0) return;
  Row& row = row_at(count.row - 1);
  Cell& cell = label < first_label_ ? row.older : row.cell[label % kCohortLabels];
  cell.recorded += cell.recorded != 0xffffffff;
  cell.live = saturated(cell.live + blocks);
  cell.bytes += bytes;
}

// Of what was born since the last census it is not known when: it is shared out evenly.
void CohortTable::count_births(Row& row, uint64_t blocks) {
  const uint64_t span = active_ns_ - before_ns_;
  uint64_t left = blocks;
  for (uint32_t l = birth_label(before_ns_); l < label_ && span > 0; ++l) {
    const uint64_t from = larger(birth_label_start(l), before_ns_);
    const uint64_t to = smaller(birth_label_start(l + 1), active_ns_);
    const uint64_t share = (to - from) / (span / 1024 + 1);  // of 1,024
    const uint64_t part = smaller(left, (blocks / 1024) * share + (blocks % 1024) * share / 1024);
    Cell& cell = l < first_label_ ? row.older : row.cell[l % kCohortLabels];
    cell.allocated = saturated(cell.allocated + part);
    left -= part;
  }
  Cell& last = row.cell[label_ % kCohortLabels];
  last.allocated = saturated(last.allocated + left);
}

void CohortTable::count_deaths(Row& row) const {
  const uint64_t then = (before_ns_ + active_ns_) / 2;
  const auto count = [&](const Cell& cell, uint64_t born_ns) {
    if (cell.before <= cell.recorded) return;
    uint32_t& deaths = row.deaths[octave_of(then > born_ns ? then - born_ns : 0)];
    deaths = saturated(uint64_t{deaths} + cell.before - cell.recorded);
  };
  count(row.older, birth_label_start(first_label_) / 2);
  for (uint32_t l = first_label_; l <= label_; ++l)
    count(row.cell[l % kCohortLabels], middle_of(l));
}

// The next free one from `i` on. False without memory.
bool CohortTable::free_row(uint32_t& i) {
  for (; i < kMostRows; ++i) {
    Row*& chunk = chunk_[i / kRowsAChunk];
    if (chunk == nullptr) chunk = static_cast<Row*>(own_map(kRowsAChunk * sizeof(Row)));
    if (chunk == nullptr) return false;
    if (row_at(i).site == 0) return true;
  }
  return false;
}

// To the sites with the most survivors, when there are not enough rows for all.
void CohortTable::give_rows() {
  uint32_t used = 0;
  for (uint32_t i = 0; i < rows_in_use_; ++i) used += row_at(i).site != 0;
  uint32_t least = kLeastForRow;
  uint64_t wanted = 0;
  const auto wants = [&](const SiteCount& site) {
    return site.row == 0 && site.middle >= least && site.younger >= kLeastYounger;
  };
  left_out_ = 0;
  for (;;) {
    wanted = 0;
    for (uint64_t i = 0; i < site_limit_; ++i) wanted += wants(sites_[i]);
    if (used + wanted <= kMostRows || least > 0x8000) break;
    left_out_ = static_cast<uint32_t>(used + wanted - kMostRows);
    least *= 2;
  }
  uint32_t at = 0;
  new_rows_ = wanted > 0;
  for (uint64_t i = 0; wanted > 0 && i < site_limit_; ++i) {
    if (!wants(sites_[i])) continue;
    --wanted;
    if (!free_row(at)) return;
    Row& row = row_at(at);
    __builtin_memset(&row, 0, sizeof row);
    row.site = static_cast<uint32_t>(i);
    row.allocated = sites_[i].allocated;
    row.older.allocated = saturated(row.allocated);
    sites_[i].row = ++at;
    if (at > rows_in_use_) rows_in_use_ = at;
  }
}

void CohortTable::end() {
  for (uint32_t i = 0; i < rows_in_use_; ++i) {
    Row& row = row_at(i);
    if (row.site == 0) continue;
    SiteCount& site = sites_[row.site];
    if (site.middle < kLeastForRow / 2) {
      site.row = 0;
      row.site = 0;
      continue;
    }
    const uint64_t more = site.allocated - row.allocated;
    count_births(row, static_cast<int64_t>(more) < 0 ? 0 : more);
    row.allocated = site.allocated;
    if (row.counted) {
      count_deaths(row);
    } else {
      row.counted = true;
      row.since_ns = active_ns_;
    }
  }
  give_rows();
}

void CohortTable::describe(const Row& row, format::CohortRecord& record) const {
  record.site = row.site;
  record.since_ns = row.since_ns;
  for (uint32_t octave = 0; octave < kOctaves; ++octave) {
    // The age in the middle of its octave, against the run.
    const uint64_t age = (uint64_t{3} << octave << format::kBirthUnitBits) / 2;
    uint32_t halvings = 0;
    while (halvings + 1 < format::kDeathAges && age <= active_ns_ >> (halvings + 1)) ++halvings;
    record.deaths[halvings] = saturated(uint64_t{record.deaths[halvings]} + row.deaths[octave]);
  }
  const auto copy = [](format::CohortCell& to, const Cell& from) {
    to.live_bytes = from.bytes;
    to.allocated = from.allocated;
    to.live = from.live;
    to.recorded = from.recorded;
  };
  copy(record.older, row.older);
  for (uint32_t i = 0; i < kCohortLabels; ++i) {
    copy(record.cell[i], row.cell[(first_label_ + i) % kCohortLabels]);
  }
}

void CohortTable::reset() {
  for (Row* chunk : chunk_) {
    if (chunk != nullptr) __builtin_memset(chunk, 0, kRowsAChunk * sizeof(Row));
  }
  if (sites_ != nullptr) __builtin_memset(sites_, 0, site_capacity_ * sizeof(SiteCount));
  rows_in_use_ = left_out_ = 0;
  site_limit_ = active_ns_ = before_ns_ = survivors_ = survivor_bytes_ = 0;
  label_ = first_label_ = 0;
}

}  // namespace mla
