#include "reader/decode_ledger.h"

#include <algorithm>
#include <cstring>
#include <map>

namespace mla {

namespace {

using format::LedgerDetail;
using format::LedgerFlag;
using format::LedgerRecord;

const LedgerRecord* last_record(const SegmentImage& image) {
  const LedgerRecord* last = nullptr;
  uint64_t last_ns = 0;
  for (const LedgerRecord& record : image.ledger().record) {
    const uint64_t t_ns = record.t_ns.load(std::memory_order_acquire);  // the walk's release
    if (t_ns <= last_ns) continue;
    last = &record;
    last_ns = t_ns;
  }
  return last;
}

// Null if a later walk has begun to overwrite it, or was killed while it did.
const LedgerDetail* detail_of(const SegmentImage& image, const LedgerRecord* record) {
  if (record == nullptr || record->detail < 1 || record->detail > 2) return nullptr;
  const LedgerDetail& detail = image.ledger().detail[record->detail - 1];
  const uint64_t t_ns = record->t_ns.load(std::memory_order_relaxed);
  return detail.t_ns.load(std::memory_order_acquire) == t_ns ? &detail : nullptr;
}

bool has(const LedgerRecord& record, LedgerFlag flag) {
  return (record.flags & static_cast<uint64_t>(flag)) != 0;
}

LedgerPoint point_of(const LedgerRecord& r) {
  LedgerPoint p;
  p.t_ns = r.t_ns.load(std::memory_order_acquire);  // the walk's release
  p.started_ns = r.started_ns;
  p.cost_ns = r.cost_ns;
  p.longest_ns = r.longest_ns;
  p.slices = r.slices;
  p.heap_map = has(r, LedgerFlag::kHeapMap);
  p.incomplete = has(r, LedgerFlag::kMapsCut) || has(r, LedgerFlag::kNoPagemap);
  p.rss_begin = r.rss_begin;
  p.rss_end = r.rss_end;
  p.heap = r.heap_resident;
  p.brk_heap = r.brk_resident;
  p.live = r.live_bytes;
  p.live_blocks = r.live_blocks;
  p.touched = r.touched_bytes;
  p.rounding = r.rounding_bytes;
  p.overhead = r.overhead_bytes;
  p.free_pages = r.free_pages;
  p.pinned = r.pinned_free;
  p.pinned_pages = r.pinned_pages;
  p.full_pages = r.full_pages;
  p.mappings = r.mapping_resident;
  p.stacks = r.stack_resident;
  p.stack_count = r.stack_count;
  p.files = r.file_resident;
  p.shared = r.shared_resident;
  p.own = r.own_resident;
  p.unknown = r.unknown_resident;
  p.mapped = r.mapped_bytes;
  p.statistics_ns = has(r, LedgerFlag::kStatistics) ? r.statistics_ns : 0;
  p.allocator = r.allocator;
  p.arenas = r.arena_resident;
  p.arena_bytes = r.arena_bytes;
  p.objects = has(r, LedgerFlag::kObjects);
  p.object_live = r.object_live_bytes;
  p.object_blocks = r.object_live_blocks;
  p.object_touched = r.object_touched;
  p.object_rounding = r.object_rounding;
  p.arena_pinned = r.arena_pinned_free;
  p.arena_free_pages = r.arena_free_pages;
  p.object_bytes = r.object_bytes;
  return p;
}

// No process has more: sums of such figures do not overflow.
bool is_plausible(const LedgerPoint& p) {
  constexpr uint64_t kMost = 1ULL << 56;
  const uint64_t figures[] = {
      p.rss_begin,      p.rss_end,         p.heap,        p.brk_heap,     p.live,
      p.touched,        p.rounding,        p.overhead,    p.pinned,       p.free_pages,
      p.mappings,       p.stacks,          p.files,       p.shared,       p.own,
      p.unknown,        p.pinned_pages,    p.full_pages,  p.arenas,       p.object_live,
      p.object_touched, p.object_rounding, p.arena_bytes, p.arena_pinned, p.arena_free_pages};
  return std::all_of(std::begin(figures), std::end(figures),
                     [](uint64_t figure) { return figure < kMost; });
}

void decode_detail(const LedgerDetail& detail, const IdMap& map, const IdMap& moved,
                   Snapshot& snapshot, DamageLog& damage) {
  std::map<uint32_t, HeldPages> held;
  for (uint32_t i = 0; i < format::kLedgerSites; ++i) {
    const format::LedgerSite& row = detail.site[i];
    if (row.site == 0) continue;
    const uint32_t old = lookup(map, row.site);
    if (old == kNoIndex || moved[old] == kNoIndex) {
      damage.add("ledger", "of a call site that does not exist; left out", i);
      continue;
    }
    HeldPages& pages = held[moved[old]];
    pages.site_index = moved[old];
    pages.pinned = saturating_add(pages.pinned, row.pinned);
    pages.resident = saturating_add(pages.resident, row.resident);
  }
  for (const auto& [index, pages] : held) snapshot.held.push_back(pages);
  std::stable_sort(snapshot.held.begin(), snapshot.held.end(), [](const auto& a, const auto& b) {
    return std::max(a.pinned, a.resident) > std::max(b.pinned, b.resident);
  });
  std::map<std::string, uint64_t> files;  // one may be mapped at several places
  for (const format::LedgerFile& row : detail.file) {
    if (row.resident == 0) continue;
    uint64_t& resident = files[std::string(row.path, strnlen(row.path, sizeof row.path))];
    resident = saturating_add(resident, row.resident);
  }
  for (const auto& [path, resident] : files) snapshot.files.push_back({path, resident});
  std::stable_sort(snapshot.files.begin(), snapshot.files.end(),
                   [](const auto& a, const auto& b) { return a.resident > b.resident; });
}

}  // namespace

std::set<uint32_t> sites_of_ledger(const SegmentImage& image, const IdMap& map) {
  std::set<uint32_t> sites;
  const LedgerDetail* detail = detail_of(image, last_record(image));
  if (detail == nullptr) return sites;
  for (const format::LedgerSite& row : detail->site) {
    const uint32_t index = lookup(map, row.site);
    if (row.site != 0 && index != kNoIndex) sites.insert(index);
  }
  return sites;
}

void decode_ledger(const SegmentImage& image, const IdMap& map, const IdMap& moved,
                   Snapshot& snapshot, DamageLog& damage) {
  for (uint32_t i = 0; i < format::kLedgerSlots; ++i) {
    const LedgerRecord& record = image.ledger().record[i];
    const LedgerPoint point = point_of(record);
    if (point.t_ns == 0) continue;
    if (is_plausible(point)) {
      snapshot.ledger.push_back(point);
    } else {
      damage.add("ledger", "a record of impossible size was left out", i);
    }
  }
  std::sort(snapshot.ledger.begin(), snapshot.ledger.end(),
            [](const auto& a, const auto& b) { return a.t_ns < b.t_ns; });
  const LedgerDetail* detail = detail_of(image, last_record(image));
  if (detail != nullptr) decode_detail(*detail, map, moved, snapshot, damage);
  const format::SegmentHeader& header = image.header();
  snapshot.trim.count = header.trim_count.load(std::memory_order_acquire);  // the trim's release
  snapshot.trim.t_ns = header.trim_ns.load(std::memory_order_relaxed);
  snapshot.trim.took_ns = header.trim_took_ns.load(std::memory_order_relaxed);
  snapshot.trim.rss_before = header.trim_rss_before.load(std::memory_order_relaxed);
  snapshot.trim.rss_after = header.trim_rss_after.load(std::memory_order_relaxed);
}

}  // namespace mla
