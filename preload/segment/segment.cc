#include "segment/segment.h"

#include "segment/control.h"
#include "segment/own_memory.h"
#include "segment/sys.h"
#include "segment/text.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

namespace mla {

using format::kBlockBytes;
using format::SegmentHeader;
using format::Table;
using format::TableShape;

Segment segment;

namespace {
constexpr int kNoSpaceLeft = 28;  // ENOSPC
constexpr int kFileTooBig = 27;   // EFBIG
constexpr int kBadAddress = 14;   // EFAULT: backing the page would have raised SIGBUS
constexpr int kInvalid = 22;      // EINVAL: a kernel before 5.14
constexpr uint64_t kFirstPage = 4096;
constexpr uint64_t kFirstInterval = 20'000'000;  // ns between two points of a young process
constexpr uint64_t kFirstHistoryInterval = 250'000'000;
constexpr uint64_t kFirstLedgerInterval = 500'000'000;

// Of the largest file under a limit of the address space; below it, a process is not recorded.
constexpr uint32_t kFewestBlocks = 64;

uint64_t bytes_of_blocks(uint32_t blocks) { return static_cast<uint64_t>(blocks) * kBlockBytes; }

// RLIMIT_FSIZE would raise SIGXFSZ in the host, so it is asked first.
uint32_t blocks_allowed() {
  struct rlimit limit = {};
  if (sys::getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur >= format::kMaxFileBytes) {
    return format::kMaxBlocks;
  }
  return static_cast<uint32_t>(limit.rlim_cur / kBlockBytes);
}
}  // namespace

bool Segment::open_private() {
  const uint64_t spare = spare_address_space() / format::kBlockBytes;
  const uint32_t blocks =
      spare < format::kMaxBlocks ? static_cast<uint32_t>(spare) : format::kMaxBlocks;
  if (blocks < kFewestBlocks) return false;
  char* base = static_cast<char*>(own_reserve(bytes_of_blocks(blocks)));
  if (base == nullptr) return false;
  base_ = base;
  next_block_.store(format::kFirstTableBlock, std::memory_order_relaxed);
  spare_block_.store(0, std::memory_order_relaxed);
  reserved_blocks_ = block_limit_ = blocks;
  set_access(format::kFirstTableBlock, blocks - format::kFirstTableBlock, PROT_NONE);
  path_[0] = 0;
  SegmentHeader& h = header();
  h.magic = format::kMagic;
  h.version = format::kVersion;
  h.header_bytes = sizeof(SegmentHeader);
  h.block_bytes = kBlockBytes;
  h.pointer_bytes = sizeof(void*);
  h.blocks_used.store(format::kFirstTableBlock, std::memory_order_relaxed);
  h.exit_code.store(-1, std::memory_order_relaxed);
  h.pid = sys::getpid();
  h.parent_pid = sys::getppid();
  h.uid = sys::geteuid();
  h.start_realtime_ns = sys::now_ns(CLOCK_REALTIME);
  h.start_monotonic_ns = sys::now_ns(CLOCK_MONOTONIC);
  h.page_bytes = 4096;
  h.timeline_interval_ns.store(kFirstInterval, std::memory_order_relaxed);
  h.history_interval_ns.store(kFirstHistoryInterval, std::memory_order_relaxed);
  h.ledger_interval_ns.store(kFirstLedgerInterval, std::memory_order_relaxed);
  // Record 0 of these tables means "none"; site 1 collects what finds no room.
  h.claimed[static_cast<uint32_t>(Table::kModules)].store(1, std::memory_order_relaxed);
  h.claimed[static_cast<uint32_t>(Table::kNodes)].store(1, std::memory_order_relaxed);
  h.claimed[static_cast<uint32_t>(Table::kPythonCode)].store(1, std::memory_order_relaxed);
  h.claimed[static_cast<uint32_t>(Table::kSites)].store(format::kFirstSite,
                                                        std::memory_order_relaxed);
  h.state.store(static_cast<uint32_t>(format::State::kRecording), std::memory_order_release);
  if (!ensure(Table::kSites, format::index(format::SiteId::kOverflow))) return false;
  record<format::SiteRecord>(Table::kSites, format::index(format::SiteId::kOverflow))
      ->kind.store(static_cast<uint32_t>(format::SiteKind::kHeap), std::memory_order_release);
  return true;
}

bool Segment::take_over(Segment& other) {
  base_ = other.base_;
  reserved_blocks_ = other.reserved_blocks_;
  next_block_.store(other.next_block_.load(std::memory_order_relaxed), std::memory_order_relaxed);
  __builtin_memcpy(path_, other.path_, sizeof path_);
  other.base_ = nullptr;
  other.path_[0] = 0;
  // Blocks the parent came to use since the fork are accessible in the parent alone. Nothing of it
  // is to be written from here.
  return set_access(0, reserved_blocks_, PROT_READ) == 0;
}

bool Segment::copy_names_of(const Segment& parent) {
  // What refers comes before what is referred to: another thread of the parent may be adding
  // records of both, and a record that is there has its node, module, code and names there already.
  constexpr Table kKept[] = {Table::kSites,   Table::kNodes,       Table::kPythonCode,
                             Table::kModules, Table::kPythonBytes, Table::kStrings};
  for (const Table table : kKept) {
    std::atomic_thread_fence(std::memory_order_acquire);  // none of it is read earlier
    const TableShape& s = format::shape(table);
    const uint32_t t = static_cast<uint32_t>(table);
    // Read before the blocks are copied: another thread of the parent may be adding records.
    header().claimed[t].store(parent.header().claimed[t].load(std::memory_order_acquire),
                              std::memory_order_relaxed);
    for (uint32_t k = 0; k < s.max_blocks; ++k) {
      const char* source = parent.block_of(s, k, 0);
      if (source == nullptr) continue;
      if (block_of(s, k, 0) == nullptr && !grow(s, k)) return false;
      __builtin_memcpy(block_of(s, k, 0), source, kBlockBytes);
      // Records that were not claimed yet are not the child's.
      const uint64_t mine = header().claimed[t].load(std::memory_order_relaxed);
      const uint64_t first = static_cast<uint64_t>(k) * s.records_per_block;
      const uint64_t kept = mine <= first                        ? 0
                            : mine - first < s.records_per_block ? mine - first
                                                                 : s.records_per_block;
      __builtin_memset(block_of(s, k, kept * s.record_bytes), 0,
                       kBlockBytes - kept * s.record_bytes);
    }
  }
  return true;
}

void Segment::unmap() {
  if (base_ != nullptr) own_unmap(base_, bytes_of_blocks(reserved_blocks_));
  base_ = nullptr;
}

format::TimelineRecord* Segment::timeline() const {
  return reinterpret_cast<format::TimelineRecord*>(base_ + bytes_of_blocks(format::kTimelineBlock));
}
format::HistoryColumn* Segment::history() const {
  return reinterpret_cast<format::HistoryColumn*>(base_ + bytes_of_blocks(format::kHistoryBlock));
}

format::LedgerPart& Segment::ledger() const {
  return *reinterpret_cast<format::LedgerPart*>(base_ + bytes_of_blocks(format::kLedgerBlock));
}

int Segment::move_to_file(const char* path) {
  const uint32_t used = next_block_.load(std::memory_order_relaxed);
  const uint32_t by_size = blocks_allowed();
  const uint32_t allowed = by_size < reserved_blocks_ ? by_size : reserved_blocks_;
  Text name(path_, sizeof path_);
  if (name.add(path).cut() || allowed < used) {
    path_[0] = 0;
    return -kFileTooBig;
  }
  const int fd = sys::open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
  long error = fd < 0 ? fd : 0;
  // Written before it is mapped: a write reports a full disk, a store would raise SIGBUS. The page
  // with the magic number comes last: a kill before it leaves a file that is no recording yet.
  const auto write_range = [&](uint64_t from, uint64_t to) {
    while (error == 0 && from < to) {
      const long n = sys::pwrite(fd, base_ + from, to - from, from);
      if (n <= 0) error = n == 0 ? -kNoSpaceLeft : n;
      if (n > 0) from += static_cast<uint64_t>(n);
    }
  };
  write_range(kFirstPage, bytes_of_blocks(used));
  if (error == 0) error = sys::ftruncate(fd, bytes_of_blocks(allowed));
  write_range(0, kFirstPage);
  if (error == 0) {
    // Accessible at every moment: other threads may be counting losses in the header.
    void* p = sys::mmap(base_, bytes_of_blocks(reserved_blocks_), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_FIXED | MAP_NORESERVE, fd, 0);
    if (!sys::failed(p)) set_access(used, reserved_blocks_ - used, PROT_NONE);
    if (sys::failed(p)) error = -sys::error_of(p);
  }
  if (fd >= 0) {
    if (error != 0) sys::unlink(path);
    sys::close(fd);
  }
  if (error != 0) {
    path_[0] = 0;
    return static_cast<int>(error);
  }
  block_limit_ = allowed;
  return 0;
}

// Blocks that are not in use cannot be accessed, so that mlockall does not make them resident.
long Segment::set_access(uint32_t block, uint32_t count, int protection) {
  return sys::call(SYS_mprotect, sys::arg(base_ + bytes_of_blocks(block)),
                   static_cast<long>(bytes_of_blocks(count)), protection);
}

int Segment::back_block(uint32_t block) {
  if (block >= block_limit_) return -kFileTooBig;
  const long allowed = set_access(block, 1, PROT_READ | PROT_WRITE);
  if (allowed != 0) return static_cast<int>(allowed);
  if (!has_file()) return 0;
  const long r = sys::madvise(base_ + bytes_of_blocks(block), kBlockBytes, MADV_POPULATE_WRITE);
  if (r == 0) return 0;
  if (r == -kBadAddress) return -kNoSpaceLeft;
  return r == -kInvalid ? back_block_by_name(block) : static_cast<int>(r);
}

int Segment::back_block_by_name(uint32_t block) {
  const int fd = sys::open(path_, O_RDWR | O_NOFOLLOW);
  if (fd < 0) return fd;
  // The name may lead to another file by now (chroot, a moved recording): ours carries our
  // identity.
  uint64_t there[2] = {};
  struct stat st = {};
  const SegmentHeader& h = header();
  long error = sys::fstat(fd, &st);
  if (error == 0 && (st.st_mode & S_IFMT) != S_IFREG) error = -kInvalid;
  if (error == 0) {
    error = sys::call(SYS_pread64, fd, sys::arg(there), 8,
                      static_cast<long>(offsetof(SegmentHeader, start_monotonic_ns)));
    error =
        error == 8 && there[0] == h.start_monotonic_ns
            ? sys::fallocate(fd, 1 /* FALLOC_FL_KEEP_SIZE */, bytes_of_blocks(block), kBlockBytes)
            : -kInvalid;
  }
  sys::close(fd);
  return static_cast<int>(error);
}

bool Segment::grow(const TableShape& s, uint64_t k) {
  if (k >= s.max_blocks) return false;
  SegmentHeader& h = header();
  uint32_t block = spare_block_.exchange(0, std::memory_order_acq_rel);
  if (block == 0) {
    block = next_block_.fetch_add(1, std::memory_order_relaxed);
    const int error = back_block(block);
    if (error != 0) {
      stop(error == -kFileTooBig ? format::StopReason::kFileLimit : format::StopReason::kNoSpace,
           -error);
      return false;
    }
    uint32_t used = h.blocks_used.load(std::memory_order_relaxed);
    while (used < block + 1 && !h.blocks_used.compare_exchange_weak(used, block + 1)) {
    }
  }
  uint32_t none = 0;
  // Release: pairs with the acquire in block_of() and in the reader.
  if (!h.directory[s.directory_index + k].compare_exchange_strong(none, block,
                                                                  std::memory_order_acq_rel)) {
    spare_block_.store(block, std::memory_order_release);
  }
  return true;
}

bool Segment::ensure(Table table, uint64_t i) {
  const TableShape& s = format::shape(table);
  const uint64_t k = i / s.records_per_block;
  return block_of(s, k, 0) != nullptr || grow(s, k);
}

uint64_t Segment::claim(Table table, uint32_t count) {
  const TableShape& s = format::shape(table);
  std::atomic<uint64_t>& claimed = header().claimed[static_cast<uint32_t>(table)];
  // Looked at first, so that a full table does not make the count grow for ever.
  if (claimed.load(std::memory_order_relaxed) + count > s.max_records()) return kNoRecord;
  const uint64_t i = claimed.fetch_add(count, std::memory_order_acq_rel);
  if (i + count > s.max_records() || !ensure(table, i)) return kNoRecord;
  return i;
}

uint64_t Segment::store_string(const char* s, uint64_t length) {
  constexpr uint64_t kMost = 16 * 1024;
  if (length > kMost) length = kMost;
  if (length == 0) return 0;
  std::atomic<uint64_t>& claimed = header().claimed[static_cast<uint32_t>(Table::kStrings)];
  uint64_t at = claimed.load(std::memory_order_relaxed);
  uint64_t start = 0;
  do {  // a string does not cross a block: the rest of a block that is too short stays unused
    start = at;
    if (start / kBlockBytes != (start + length - 1) / kBlockBytes) {
      start = (start / kBlockBytes + 1) * kBlockBytes;
    }
    if (start + length > format::shape(Table::kStrings).max_records()) return 0;
  } while (!claimed.compare_exchange_weak(at, start + length, std::memory_order_relaxed));
  if (!ensure(Table::kStrings, start)) return 0;
  __builtin_memcpy(record<char>(Table::kStrings, start), s, length);
  return format::make_string_ref(static_cast<uint32_t>(start), static_cast<uint32_t>(length));
}

bool Segment::store_bytes(Table table, const void* bytes, uint64_t length, format::BytesRef& to) {
  to = 0;
  if (length == 0) return true;
  std::atomic<uint64_t>& claimed = header().claimed[static_cast<uint32_t>(table)];
  uint64_t start = claimed.load(std::memory_order_relaxed);
  do {
    if (length > format::shape(table).max_records() - start) return false;
  } while (!claimed.compare_exchange_weak(start, start + length, std::memory_order_relaxed));
  for (uint64_t done = 0; done < length;) {
    const uint64_t at = start + done;
    const uint64_t rest = kBlockBytes - at % kBlockBytes;
    const uint64_t piece = length - done < rest ? length - done : rest;
    if (!ensure(table, at)) return false;
    __builtin_memcpy(record<char>(table, at), static_cast<const char*>(bytes) + done, piece);
    done += piece;
  }
  to = format::make_string_ref(static_cast<uint32_t>(start), static_cast<uint32_t>(length));
  return true;
}

uint64_t Segment::since_start_ns() const {
  return sys::now_ns(CLOCK_MONOTONIC) - header().start_monotonic_ns;
}

void Segment::stop(format::StopReason reason, int error) {
  SegmentHeader& h = header();
  uint32_t none = 0;
  if (h.stop_reason.compare_exchange_strong(none, static_cast<uint32_t>(reason),
                                            std::memory_order_relaxed)) {
    h.stop_errno.store(error, std::memory_order_relaxed);
    h.stop_ns.store(since_start_ns(), std::memory_order_relaxed);
    h.state.store(static_cast<uint32_t>(format::State::kStopped), std::memory_order_release);
  }
  set_mode(Mode::kOff);
}

}  // namespace mla
