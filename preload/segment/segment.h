// The segment of this process: private memory first, a shared file once the process is worth one.
//
// * Addresses never change: going to the file maps it over the private memory (one mmap), so
//   pointers into records stay valid and no other thread notices.
// * Growing needs neither a descriptor nor a path: the kernel is asked to back the block
//   (MADV_POPULATE_WRITE, Linux 5.14) and answers with an error where a plain store would have
//   raised SIGBUS. Older kernels: the file is opened again by name and fallocate does the same.
// * claim() is lock-free; two threads that need the same new block both get one, the loser's is
//   kept for the next table that grows.
#pragma once

#include <atomic>
#include <cstdint>

#include "format/format.h"

namespace mla {

class Segment {
 public:
  static constexpr uint64_t kNoRecord = ~uint64_t{0};

  // Address space of the largest possible file (less under RLIMIT_AS), header filled in with what
  // is known at once. False if there is no memory.
  bool open_private();
  bool is_open() const { return base_ != nullptr; }
  bool has_file() const { return path_[0] != 0; }
  const char* path() const { return path_; }

  // Writes what is there into a new file `path` (which must not exist) and maps it in place.
  // 0, or -errno with nothing changed and no file left behind. Call with no other thread recording.
  int move_to_file(const char* path);

  // In a forked child: takes over `other`, the parent's segment, to read it and then unmap() it.
  // False if there is no memory.
  bool take_over(Segment& other);
  // In a forked child, after open_private(): copies the parent's strings, modules, nodes and sites
  // under the same ids. False if there is no memory.
  bool copy_names_of(const Segment& parent);
  void unmap();

  format::SegmentHeader& header() const { return *reinterpret_cast<format::SegmentHeader*>(base_); }
  format::TimelineRecord* timeline() const;
  format::HistoryColumn* history() const;
  format::LedgerPart& ledger() const;

  // Claims `count` consecutive records, which do not cross a block (count must divide the records
  // of a block). Index of the first, or kNoRecord when the table is full or no block could be had
  // (then recording has been stopped).
  uint64_t claim(format::Table table, uint32_t count = 1);
  // Makes sure record `i` exists, without claiming. For the tables that are indexed by site id.
  bool ensure(format::Table table, uint64_t i);
  // nullptr if the record's block does not exist.
  template <class Record>
  Record* record(format::Table table, uint64_t i) const {
    const format::TableShape& s = format::shape(table);
    return reinterpret_cast<Record*>(
        block_of(s, i / s.records_per_block, (i % s.records_per_block) * s.record_bytes));
  }
  // Copies a string (cut at 16 KiB) into the file; 0 for an empty one or when there is no room.
  uint64_t store_string(const char* s, uint64_t length);

  // Copies bytes into a table of bytes, across blocks if need be. False when there is no room.
  bool store_bytes(format::Table table, const void* bytes, uint64_t length, format::BytesRef& to);

  // Offsets in units of 8 bytes, for compact references to records from private memory.
  uint32_t offset_of(const void* p) const {
    return static_cast<uint32_t>((static_cast<const char*>(p) - base_) / 8);
  }
  template <class Record>
  Record* at_offset(uint32_t offset) const {
    return reinterpret_cast<Record*>(base_ + static_cast<uint64_t>(offset) * 8);
  }

  void count_loss(format::Loss loss, uint64_t n = 1) const {
    header().losses[static_cast<uint32_t>(loss)].fetch_add(n, std::memory_order_relaxed);
  }
  // Recording ends here: mode goes to kOff, the header says why. The host goes on.
  void stop(format::StopReason reason, int error);
  uint64_t since_start_ns() const;

 private:
  char* block_of(const format::TableShape& s, uint64_t k, uint64_t byte) const {
    if (k >= s.max_blocks) return nullptr;
    // Acquire: pairs with the release in grow(); the block is backed before it is listed.
    const uint32_t block =
        header().directory[s.directory_index + k].load(std::memory_order_acquire);
    return block == 0 ? nullptr : base_ + static_cast<uint64_t>(block) * format::kBlockBytes + byte;
  }
  bool grow(const format::TableShape& s, uint64_t k);
  long set_access(uint32_t block, uint32_t count, int protection);
  int back_block(uint32_t block);
  int back_block_by_name(uint32_t block);

  char* base_ = nullptr;
  std::atomic<uint32_t> next_block_;
  std::atomic<uint32_t> spare_block_;
  uint32_t reserved_blocks_ = 0;  // address space at base_; less than kMaxBlocks under RLIMIT_AS
  uint32_t block_limit_ = 0;      // the same, or less under RLIMIT_FSIZE
  char path_[512] = {};
};

// The segment of this process.
extern Segment segment;

}  // namespace mla
