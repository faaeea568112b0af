// The cohorts of the call sites that may leak, from one census to the next: format/cohorts.h.
//
// A census is begin(), add_allocated() for every counter, add_survivor() for every live block, and
// end(). Deaths are what one census met and the next did not, so that a free costs nothing. A site
// gets a row once some of its blocks of middle age are alive, and loses it when they are not.
// One thread at a time; pure but for the memory it takes, so that tests drive it with their own
// clock.
#pragma once

#include <cstdint>

#include "format/format.h"

namespace mla {

class CohortTable {
 public:
  // As many as there is room for in the segment.
  static constexpr uint32_t kMostRows =
      static_cast<uint32_t>(format::shape(format::Table::kCohortsA).max_records());

  // `active_ns` does not decrease. `site_limit`: above every site id that will be given, at most
  // the sites of a segment. False without memory.
  bool begin(uint64_t active_ns, uint64_t site_limit);
  void add_allocated(uint32_t site, uint64_t blocks) {
    if (site < site_limit_) sites_[site].allocated += blocks;
  }
  // A live block born at `label`, which stands for `blocks` of together `bytes`.
  void add_survivor(uint32_t site, uint32_t label, uint64_t blocks, uint64_t bytes);
  void end();

  // After end(): calls each(record) with the sites that may leak, at most kMostRows of them.
  // Returns how many found no row.
  template <class Each>
  uint32_t write(Each each) const {
    for (uint32_t i = 0; i < rows_in_use_; ++i) {
      const Row& row = row_at(i);
      if (row.site == 0 || !row.counted || !may_leak(sites_[row.site])) continue;
      format::CohortRecord record = {};
      describe(row, record);
      each(record);
    }
    return left_out_;
  }
  uint64_t active_ns() const { return active_ns_; }
  uint32_t first_label() const { return first_label_; }
  // Sites were given a row that was not yet in a census.
  bool has_new_rows() const { return new_rows_; }
  uint64_t survivors() const { return survivors_; }
  uint64_t survivor_bytes() const { return survivor_bytes_; }

  // Forgets everything but the memory. Also in a forked child that may have found it half done.
  void reset();

 private:
  // Ages at death by their power of two, in format::kBirthUnitBits.
  static constexpr uint32_t kOctaves = 40;
  static constexpr uint32_t kRowsAChunk = 116;
  static constexpr uint32_t kChunks = kMostRows / kRowsAChunk;
  static_assert(kChunks * kRowsAChunk == kMostRows);

  struct Cell {
    uint64_t bytes;
    uint32_t allocated;
    uint32_t live;
    uint32_t recorded;
    uint32_t before;  // `recorded` in the last census
  };
  struct Row {
    uint32_t site;  // 0: free
    bool counted;   // in a whole census
    uint64_t since_ns;
    uint64_t allocated;  // by the site, at the last census
    uint32_t deaths[kOctaves];
    Cell older;
    Cell cell[format::kCohortLabels];  // by label modulo kCohortLabels
  };
  struct SiteCount {
    uint64_t allocated;
    uint32_t row;      // index + 1; 0: none
    uint16_t middle;   // recorded survivors of middle age, saturated
    uint16_t younger;  // those of its younger half
  };
  static_assert(sizeof(SiteCount) == 16);

  static bool may_leak(const SiteCount& site) { return site.middle >= 6 && site.younger >= 3; }
  Row& row_at(uint32_t i) const { return chunk_[i / kRowsAChunk][i % kRowsAChunk]; }
  bool free_row(uint32_t& i);
  bool make_room(uint64_t site_limit);
  void count_births(Row& row, uint64_t blocks);
  void count_deaths(Row& row) const;
  void give_rows();
  void describe(const Row& row, format::CohortRecord& record) const;

  SiteCount* sites_ = nullptr;
  uint64_t site_limit_ = 0;
  uint64_t site_capacity_ = 0;
  Row* chunk_[kChunks] = {};
  uint32_t rows_in_use_ = 0;  // none in use is at or above it
  uint32_t left_out_ = 0;
  bool new_rows_ = false;
  uint64_t active_ns_ = 0;
  uint64_t before_ns_ = 0;  // active time of the census before
  uint32_t label_ = 0;
  uint32_t first_label_ = 0;
  uint32_t middle_begin_ = 0;  // labels: those of the middle age are [begin, end)
  uint32_t middle_half_ = 0;
  uint32_t middle_end_ = 0;
  uint64_t survivors_ = 0;
  uint64_t survivor_bytes_ = 0;
};

}  // namespace mla
