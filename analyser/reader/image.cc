#include "reader/image.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "reader/core.h"
#include "reader/error.h"

namespace mla {

using format::kBlockBytes;
using format::SegmentHeader;
using format::Table;

namespace {

constexpr const char* kGiveRecording = "give a recording of mla (mla-*.mla); `mla ps` lists them";

template <class T>
T field(const std::vector<std::byte>& bytes, size_t offset) {
  T value{};
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

std::string errno_text() { return std::strerror(errno); }

const char* table_name(Table table) {
  static constexpr const char* kNames[format::kTableCount] = {
      "strings", "modules",   "nodes",       "sites",        "counters",     "threads", "peak",
      "peak",    "inherited", "python code", "python names", "python types", "cohorts", "cohorts"};
  return kNames[static_cast<uint32_t>(table)];
}

}  // namespace

// The open file.
class SegmentImage::Source {
 public:
  explicit Source(const std::string& path) : path_(path) {
    // O_NONBLOCK: opening a FIFO must not wait for a writer.
    fd_ = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd_ < 0) {
      const bool absent = errno == ENOENT || errno == ENOTDIR;
      throw Error(path, "cannot be opened: " + errno_text(),
                  absent ? kGiveRecording : "check who may read it, or run mla as its owner");
    }
    struct stat status = stat_now();
    if (!S_ISREG(status.st_mode)) {
      close(fd_);
      throw Error(path, S_ISDIR(status.st_mode) ? "is a directory" : "is not a regular file",
                  kGiveRecording);
    }
  }
  ~Source() { close(fd_); }

  // If it is a core file: reads from now on the recording in it. Throws Error if it holds none.
  bool enter_core() {
    const std::vector<Elf64_Phdr> segments = core_segments(fd_);
    if (segments.empty()) return false;
    const auto part = find_recording_in_core(fd_, segments);
    if (!part) {
      const std::string file = recording_named_in_core(fd_, segments);
      throw Error(path_,
                  file.empty() ? "is a core file with no recording in it"
                               : "is a core file without shared memory, so without the recording",
                  file.empty() ? "the process was not recorded, or its coredump_filter left shared "
                                 "memory out; `mla stacks --core` shows its stacks"
                               : "read its file, " + file +
                                     "; or set bit 3 of /proc/PID/coredump_filter before the dump");
    }
    offset_ = part->offset;
    end_ = part->offset + part->bytes;
    return true;
  }
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;

  struct stat stat_now() const {
    struct stat status {};
    if (fstat(fd_, &status) != 0) throw Error(path_, errno_text(), "try again");
    if (end_ != 0) status.st_size = static_cast<off_t>(end_ - offset_);
    return status;
  }

  // Bytes really read: fewer at the end of the file.
  size_t read(std::byte* to, size_t bytes, uint64_t offset) const {
    size_t done = 0;
    offset += offset_;
    if (end_ != 0) bytes = std::min(bytes, offset < end_ ? end_ - offset : 0);
    while (done < bytes) {
      const ssize_t n = pread(fd_, to + done, bytes - done, static_cast<off_t>(offset + done));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) throw Error(path_, "cannot be read: " + errno_text(), "check the disk it is on");
      if (n == 0) break;
      done += static_cast<size_t>(n);
    }
    return done;
  }

  bool read_block(uint64_t block, std::vector<std::byte>& to) const {
    to.resize(kBlockBytes);
    return read(to.data(), kBlockBytes, block * kBlockBytes) == kBlockBytes;
  }

 private:
  const std::string& path_;
  int fd_;
  uint64_t offset_ = 0;  // of the recording in the file
  uint64_t end_ = 0;     // 0: as the file
};

void SegmentImage::check_header(const std::string& path, uint64_t bytes_read) const {
  if (bytes_read == 0) {
    throw Error(path, "is empty", "the recording never began; " + std::string(kGiveRecording));
  }
  const auto end = header_.begin() + static_cast<ptrdiff_t>(bytes_read);
  if (std::all_of(header_.begin(), end, [](std::byte b) { return b == std::byte{0}; })) {
    throw Error(path, "holds only zeros, no recording",
                "its contents were lost (disk full, or a crash of the machine); record again");
  }
  if (bytes_read >= sizeof(uint64_t) && field<uint64_t>(header_, 0) == 0) {
    throw Error(path, "is unfinished: its process ended while it made this file",
                "the recording never began; record again");
  }
  if (bytes_read >= 4 && std::memcmp(header_.data(), "\177ELF", 4) == 0) {
    throw Error(path, "is a program or library (ELF), not a recording",
                "record it with `mla run -- " + path + "` and give the .mla file");
  }
  constexpr size_t kIntro = offsetof(SegmentHeader, state);
  uint64_t magic = format::kMagic;
  if (std::memcmp(header_.data(), &magic, std::min<size_t>(bytes_read, sizeof magic)) != 0) {
    throw Error(path, "is not a recording of mla", kGiveRecording);
  }
  const std::string truncated = "is truncated: ";
  const std::string copy_again = "copy the whole file again, or record again";
  if (bytes_read < kIntro) {
    throw Error(path, truncated + "it ends inside the header", copy_again);
  }
  const auto version = field<uint32_t>(header_, offsetof(SegmentHeader, version));
  if (version != format::kVersion) {
    const bool newer = version > format::kVersion;
    throw Error(
        path,
        "has format version " + std::to_string(version) + ", this mla reads version " +
            std::to_string(format::kVersion),
        newer ? "use the newer mla that recorded it" : "use the older mla that recorded it");
  }
  if (field<uint32_t>(header_, offsetof(SegmentHeader, header_bytes)) != sizeof(SegmentHeader) ||
      field<uint32_t>(header_, offsetof(SegmentHeader, block_bytes)) != kBlockBytes ||
      field<uint32_t>(header_, offsetof(SegmentHeader, pointer_bytes)) != 8) {
    throw Error(path, "has a damaged header: its sizes are not those of its version", copy_again);
  }
  if (bytes_read < kBlockBytes) {
    throw Error(path, truncated + "it ends inside the header", copy_again);
  }
  const uint64_t blocks = header().blocks_used.load(std::memory_order_relaxed);
  if (blocks < format::kFirstTableBlock || blocks > format::kMaxBlocks) {
    throw Error(path, "has a damaged header: " + std::to_string(blocks) + " blocks in use",
                copy_again);
  }
  const auto size = static_cast<uint64_t>(status_.st_size);
  if (size < blocks * kBlockBytes) {
    throw Error(path,
                truncated + "it has " + std::to_string(size) + " of " +
                    std::to_string(blocks * kBlockBytes) + " bytes",
                copy_again);
  }
}

SegmentImage SegmentImage::load(const std::string& path, DamageLog& damage) {
  Source source(path);
  SegmentImage image;
  image.from_core_ = source.enter_core();
  image.header_.resize(kBlockBytes);
  const size_t read = source.read(image.header_.data(), kBlockBytes, 0);
  image.status_ = source.stat_now();  // after the header: a live file only grows
  image.check_header(path, read);
  if (static_cast<uint64_t>(image.status_.st_size) > format::kMaxFileBytes) {
    throw Error(path, "is larger than any recording can be", kGiveRecording);
  }
  image.copy_peak(source, damage);
  image.copy_census(source, damage);
  image.copy_table(source, Table::kInherited, damage);
  image.copy_table(source, Table::kCounters, damage);
  image.copy_rings(source);
  image.copy_table(source, Table::kThreads, damage);
  image.copy_table(source, Table::kSites, damage);
  image.copy_table(source, Table::kNodes, damage);
  image.copy_objects(source, damage);
  image.copy_table(source, Table::kPythonCode, damage);
  image.copy_table(source, Table::kPythonBytes, damage);
  image.copy_table(source, Table::kModules, damage);
  image.copy_table(source, Table::kStrings, damage);
  image.used_bytes_ =
      static_cast<uint64_t>(image.header().blocks_used.load(std::memory_order_relaxed)) *
      kBlockBytes;
  return image;
}

void SegmentImage::copy_table(const Source& source, Table table, DamageLog& damage) {
  if (!source.read_block(0, header_)) return;  // it shrank: what was copied so far is kept
  // Loaded after the directory entries it must exceed: the writer raises it first.
  uint32_t blocks_used = 0;
  source.read(reinterpret_cast<std::byte*>(&blocks_used), sizeof blocks_used,
              offsetof(SegmentHeader, blocks_used));
  blocks_used = std::min(blocks_used, format::kMaxBlocks);
  const auto t = static_cast<uint32_t>(table);
  const format::TableShape& shape = format::kTables[t];
  claimed_[t] = std::min(header().claimed[t].load(std::memory_order_relaxed), shape.max_records());
  // These are indexed by site id: present where their block is, and claimed with the site.
  const bool by_site =
      table == Table::kPeakA || table == Table::kPeakB || table == Table::kInherited;
  const uint64_t wanted =
      by_site || table == Table::kStrings || table == Table::kPythonBytes
          ? shape.max_blocks
          : (claimed_[t] + shape.records_per_block - 1) / shape.records_per_block;
  std::vector<Bytes>& blocks = tables_[t];
  blocks.assign(wanted, {});
  for (uint64_t i = 0; i < wanted; ++i) {
    const uint32_t block =
        header().directory[shape.directory_index + i].load(std::memory_order_relaxed);
    if (block == 0) continue;
    if (block < format::kFirstTableBlock || block >= blocks_used) {
      damage.add(std::string("directory of ") + table_name(table),
                 "a block outside the file was left out", i);
    } else if (!source.read_block(block, blocks[i])) {
      blocks[i].clear();
      damage.add(table_name(table), "a block could not be read and was left out", i);
    }
  }
}

SegmentImage::Peak SegmentImage::published_peak() const {
  Peak peak;
  // Acquires the store that published the table of the peak; its figures stand in the header.
  peak.table = header().peak_table.load(std::memory_order_acquire);
  if (peak.table != 1 && peak.table != 2) return {};
  const auto& info = header().peak[peak.table - 1];
  peak.live_bytes = info.live_bytes.load(std::memory_order_relaxed);
  peak.ns = info.ns.load(std::memory_order_relaxed);
  peak.sites = info.sites.load(std::memory_order_relaxed);
  return peak;
}

// The writer fills the table that is not published, then publishes it. Two peaks while one is being
// copied would mix them: then copy again.
void SegmentImage::copy_peak(const Source& source, DamageLog& damage) {
  constexpr int kAttempts = 4;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    peak_ = published_peak();
    if (peak_.table == 0) return;
    copy_table(source, peak_.table == 1 ? Table::kPeakA : Table::kPeakB, damage);
    if (!source.read_block(0, header_)) return;
    if (published_peak() == peak_) return;
  }
}

// Censuses take turns like peaks. Copied before the counters and sites, of which they are behind.
void SegmentImage::copy_census(const Source& source, DamageLog& damage) {
  constexpr int kAttempts = 4;
  const auto published = [this] {
    const uint32_t table = header().cohort_table.load(std::memory_order_acquire);
    return table == 1 || table == 2 ? table : 0;
  };
  const auto number = [this](uint32_t table) {
    return header().census[table - 1].censuses.load(std::memory_order_relaxed);
  };
  if (header().cohort_table.load(std::memory_order_relaxed) > 2) {
    damage.add("cohorts", "in no table there is; left out", 0);
  }
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const uint32_t table = published();
    if (table == 0) return;
    const uint32_t censuses = number(table);
    census_table_ = table;
    std::memcpy(census_.data(), &header().census[table - 1], census_.size());
    copy_table(source, census_table(), damage);
    if (!source.read_block(0, header_)) return;
    if (published() == table && number(table) == censuses) return;
    census_table_ = 0;
  }
}

// The counts are written at once, then published: one more while they are being copied would mix
// them.
void SegmentImage::copy_objects(const Source& source, DamageLog& damage) {
  constexpr int kAttempts = 4;
  const auto published = [this] {
    const format::PythonObjects& o = header().objects;
    const bool done = o.state.load(std::memory_order_acquire) ==
                      static_cast<uint32_t>(format::ObjectsState::kDone);
    return done ? o.counts.load(std::memory_order_relaxed) : 0;
  };
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const uint64_t counts = published();
    std::memcpy(objects_.data(), &header().objects, objects_.size());
    objects_whole_ = counts != 0;
    if (counts == 0) return;
    copy_table(source, Table::kPythonTypes, damage);
    if (!source.read_block(0, header_)) return;
    if (published() == counts) return;
    objects_whole_ = false;
  }
}

// A slot of a ring may be emptied and filled anew while it is copied. Two copies agree on every
// slot that held still; the others are left empty.
void SegmentImage::copy_rings(const Source& source) {
  timeline_.assign(format::kTimelineBlocks * kBlockBytes, {});
  history_.assign(format::kHistoryBlocks * kBlockBytes, {});
  ledger_.assign(format::kLedgerBlocks * kBlockBytes, {});
  struct Ring {
    size_t at;
    size_t bytes;
    size_t slot_bytes;
  };
  const auto copy_twice = [&source](Bytes& to, uint64_t block, const std::vector<Ring>& rings) {
    Bytes again(to.size());
    source.read(to.data(), to.size(), block * kBlockBytes);
    source.read(again.data(), again.size(), block * kBlockBytes);
    for (const Ring& ring : rings) {
      for (size_t at = ring.at; at < ring.at + ring.bytes; at += ring.slot_bytes) {
        if (std::memcmp(&to[at], &again[at], ring.slot_bytes) != 0) {
          std::memset(&to[at], 0, ring.slot_bytes);
        }
      }
    }
  };
  copy_twice(timeline_, format::kTimelineBlock,
             {{0, timeline_.size(), sizeof(format::TimelineRecord)}});
  copy_twice(history_, format::kHistoryBlock,
             {{0, history_.size(), sizeof(format::HistoryColumn)}});
  using format::LedgerPart;
  copy_twice(
      ledger_, format::kLedgerBlock,
      {{offsetof(LedgerPart, record), sizeof(LedgerPart::record), sizeof(format::LedgerRecord)},
       {offsetof(LedgerPart, detail), sizeof(LedgerPart::detail), sizeof(format::LedgerDetail)}});
}

uint64_t SegmentImage::records(Table table) const { return claimed_[static_cast<uint32_t>(table)]; }

const std::byte* SegmentImage::bytes(Table table, uint64_t first, uint64_t count) const {
  const format::TableShape& shape = format::shape(table);
  const std::vector<Bytes>& blocks = tables_[static_cast<uint32_t>(table)];
  const uint64_t block = first / shape.records_per_block;
  const uint64_t in_block = first % shape.records_per_block;
  if (block >= blocks.size() || blocks[block].empty()) return nullptr;
  if (in_block + count > shape.records_per_block) return nullptr;
  return blocks[block].data() + in_block * shape.record_bytes;
}

bool SegmentImage::python_bytes(format::BytesRef ref, std::string& out) const {
  out.clear();
  const uint64_t length = ref & 0xffffffff;
  if (length > format::shape(Table::kPythonBytes).max_records()) return false;
  for (uint64_t at = ref >> 32, end = at + length; at < end;) {
    const uint64_t piece = std::min(end - at, kBlockBytes - at % kBlockBytes);
    const std::byte* text = bytes(Table::kPythonBytes, at, piece);
    if (text == nullptr) {
      out.clear();
      return false;
    }
    out.append(reinterpret_cast<const char*>(text), piece);
    at += piece;
  }
  return true;
}

bool SegmentImage::string(uint64_t ref, std::string& out) const {
  out.clear();
  if (ref == 0) return true;
  const uint64_t offset = ref >> 32;
  const uint64_t length = ref & 0xffffffff;
  if (length == 0) return true;
  const std::byte* text = bytes(Table::kStrings, offset, length);
  if (text == nullptr) return false;
  out.assign(reinterpret_cast<const char*>(text), length);
  return true;
}

}  // namespace mla
