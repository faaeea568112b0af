// A private copy of a segment file, block by block.
//
// * Copied through pread, never mapped: the file may shrink, change or be hostile, and reading a
//   mapping of it could then raise SIGBUS or see two values of one field.
// * A live file is copied in the order of its references: counters, then sites, nodes, modules,
//   strings, each with a directory read just before. What a record names was published before the
//   record, so whatever was copied finds what it names.
// * Within a block bytes are copied upwards, and every publish field is the first of its record:
//   a record seen published has its contents (the writer's release store, see records.h).
// * At most kMaxFileBytes are copied, whatever the file says.
#pragma once

#include <sys/stat.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "format/format.h"
#include "reader/damage.h"

namespace mla {

class SegmentImage {
 public:
  // Throws Error if the file is neither a whole segment of this version nor a core file with one in
  // it. Records blocks that had to be left out in `damage`.
  static SegmentImage load(const std::string& path, DamageLog& damage);

  const format::SegmentHeader& header() const {
    return *reinterpret_cast<const format::SegmentHeader*>(header_.data());
  }

  // Records that may exist: claimed, and bounded by the table.
  uint64_t records(format::Table table) const;

  // Null if the record's block is not there.
  template <class Record>
  const Record* record(format::Table table, uint64_t i) const {
    return reinterpret_cast<const Record*>(bytes(table, i, 1));
  }

  // The string of a reference; empty if there is none. False if it names no bytes of the file.
  bool string(uint64_t ref, std::string& out) const;
  // The same of the table of Python's names and line tables.
  bool python_bytes(format::BytesRef ref, std::string& out) const;

  const format::TimelineRecord* timeline() const {
    return reinterpret_cast<const format::TimelineRecord*>(timeline_.data());
  }
  const format::HistoryColumn* history() const {
    return reinterpret_cast<const format::HistoryColumn*>(history_.data());
  }

  const format::LedgerPart& ledger() const {
    return *reinterpret_cast<const format::LedgerPart*>(ledger_.data());
  }

  // The composition at the peak as it was copied: the table it is in, 0 for none.
  struct Peak {
    uint32_t table = 0;
    uint64_t live_bytes = 0;
    uint64_t ns = 0;
    uint64_t sites = 0;
    friend bool operator==(const Peak&, const Peak&) = default;
  };
  const Peak& peak() const { return peak_; }

  // The last count of Python's objects; null if there is none, or one is being written.
  const format::PythonObjects* objects() const {
    return objects_whole_ ? reinterpret_cast<const format::PythonObjects*>(objects_.data())
                          : nullptr;
  }

  // The last census of cohorts, and the table with its rows; null if there is none.
  const format::CohortCensus* census() const {
    return census_table_ == 0 ? nullptr
                              : reinterpret_cast<const format::CohortCensus*>(census_.data());
  }
  format::Table census_table() const {
    return census_table_ == 1 ? format::Table::kCohortsA : format::Table::kCohortsB;
  }

  const struct stat& file_status() const { return status_; }
  uint64_t used_bytes() const { return used_bytes_; }
  bool from_core() const { return from_core_; }  // the file is a core file that holds the segment

 private:
  using Bytes = std::vector<std::byte>;

  class Source;
  void copy_rings(const Source& source);
  void copy_table(const Source& source, format::Table table, DamageLog& damage);
  void copy_peak(const Source& source, DamageLog& damage);
  void copy_objects(const Source& source, DamageLog& damage);
  void copy_census(const Source& source, DamageLog& damage);
  Peak published_peak() const;
  void check_header(const std::string& path, uint64_t bytes_read) const;
  const std::byte* bytes(format::Table table, uint64_t first, uint64_t count) const;

  Bytes header_;
  Bytes timeline_;
  Bytes history_;
  Bytes ledger_;
  std::array<std::vector<Bytes>, format::kTableCount> tables_;  // blocks; empty: not there
  std::array<uint64_t, format::kTableCount> claimed_{};
  struct stat status_ {};
  Peak peak_;
  alignas(format::PythonObjects) std::array<std::byte, sizeof(format::PythonObjects)> objects_{};
  bool objects_whole_ = false;
  alignas(format::CohortCensus) std::array<std::byte, sizeof(format::CohortCensus)> census_{};
  uint32_t census_table_ = 0;
  uint64_t used_bytes_ = 0;
  bool from_core_ = false;
};

}  // namespace mla
