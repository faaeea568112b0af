#include "ledger/ledger.h"

#include <algorithm>
#include <cmath>

namespace mla {

namespace {

uint64_t less(uint64_t a, uint64_t b) { return a > b ? a - b : 0; }

// part * numerator / denominator, without overflow; all of it when the denominator is 0.
uint64_t scaled(uint64_t part, uint64_t numerator, uint64_t denominator) {
  if (denominator == 0 || numerator == denominator) return part;
  const double value =
      static_cast<double>(part) * static_cast<double>(numerator) / static_cast<double>(denominator);
  return value < 9e18 ? static_cast<uint64_t>(value) : part;
}

bool differ(uint64_t a, uint64_t b) {
  constexpr uint64_t kShare = 20;
  return std::max(a, b) - std::min(a, b) > std::max(a, b) / kShare;
}

// Takes from what is left of the heap.
uint64_t take(uint64_t wanted, uint64_t& left) {
  const uint64_t taken = std::min(wanted, left);
  left -= taken;
  return taken;
}

void split_heap(const Snapshot& snapshot, const LedgerPoint& walk, uint64_t heap, Ledger& ledger) {
  const uint64_t live = ledger.live_requested;
  uint64_t left = heap;
  auto& buckets = ledger.buckets;
  const auto bucket = [&buckets](BucketKind kind) -> uint64_t& {
    return buckets[static_cast<size_t>(kind)];
  };
  if (walk.heap_map) {
    ledger.untouched_bytes =
        std::min(live, scaled(less(walk.live, walk.touched), std::min(live, walk.live), walk.live));
    bucket(BucketKind::kLive) = take(live - ledger.untouched_bytes, left);
    bucket(BucketKind::kRounding) = take(scaled(walk.rounding, live, walk.live), left);
    bucket(BucketKind::kMetadata) = take(scaled(walk.overhead, live, walk.live), left);
  } else {
    bucket(BucketKind::kLive) = take(live, left);
    ledger.untouched_bytes = live - bucket(BucketKind::kLive);
  }
  const uint64_t idle_then = walk.pinned + walk.free_pages;
  const uint64_t idle = left;
  if (walk.heap_map && idle_then != 0) {
    bucket(BucketKind::kPinned) = take(scaled(walk.pinned, idle, idle_then), left);
  }
  if (walk.statistics_ns != 0) {
    bucket(BucketKind::kMetadata) += take(walk.allocator.metadata, left);
  }
  bucket(BucketKind::kFree) = left;
  ledger.pinned_pages = scaled(walk.pinned_pages, idle, idle_then);
  for (const HeldPages& held : snapshot.held) {
    if (held.pinned == 0) continue;
    ledger.pinned.push_back({held.site_index, scaled(held.pinned, idle, idle_then)});
  }
}

void split_mappings(const Snapshot& snapshot, const LedgerPoint& walk, uint64_t resident,
                    Ledger& ledger) {
  uint64_t left = walk.mappings;
  uint64_t arenas = 0;
  for (const HeldPages& held : snapshot.held) {
    if (held.resident == 0 || held.site_index >= snapshot.sites.size()) continue;
    if (is_python_arena(snapshot, snapshot.sites[held.site_index])) {
      arenas += take(held.resident, left);
    } else {
      ledger.mappings.push_back({held.site_index, held.resident});
    }
  }
  arenas = std::min(resident, scaled(arenas, resident, walk.mappings));
  ledger.buckets[static_cast<size_t>(BucketKind::kPythonArenas)] += arenas;
  ledger.buckets[static_cast<size_t>(BucketKind::kMappings)] = resident - arenas;
}

void split_arenas(const LedgerPoint& walk, uint64_t arenas, Ledger& ledger) {
  auto& buckets = ledger.buckets;
  if (!walk.objects) {
    buckets[static_cast<size_t>(BucketKind::kPythonArenas)] += arenas;
    return;
  }
  uint64_t left = arenas;
  uint64_t live = ledger.object_live;
  if (walk.heap_map) {
    live = scaled(std::min(walk.object_live, walk.object_touched), live, walk.object_live);
    live += scaled(walk.object_rounding, ledger.object_live, walk.object_live);
  }
  buckets[static_cast<size_t>(BucketKind::kPythonLive)] = take(live, left);
  buckets[static_cast<size_t>(BucketKind::kPythonFree)] = left;
}

void sort_by_bytes(std::vector<HeldBySite>& sites) {
  std::stable_sort(sites.begin(), sites.end(),
                   [](const auto& a, const auto& b) { return a.bytes > b.bytes; });
}

}  // namespace

std::string bucket_name(BucketKind kind) {
  static constexpr const char* kNames[kBucketKinds] = {"live",
                                                       "rounding",
                                                       "allocator_metadata",
                                                       "allocator_pinned",
                                                       "allocator_free",
                                                       "python_live",
                                                       "python_free",
                                                       "python_arenas",
                                                       "mappings",
                                                       "stacks",
                                                       "files",
                                                       "shared",
                                                       "mla"};
  return kNames[static_cast<size_t>(kind)];
}

uint64_t Ledger::heap() const {
  return bucket(BucketKind::kLive) + bucket(BucketKind::kRounding) + bucket(BucketKind::kMetadata) +
         idle();
}

bool is_python_arena(const Snapshot& snapshot, const Site& site) {
  constexpr uint64_t kOldArena = 256 << 10;
  constexpr uint64_t kArena = 1 << 20;
  if (!site.mapping || snapshot.process.python_version.empty() || site.alloc_count == 0 ||
      site.alloc_bytes % site.alloc_count != 0 || site.native >= snapshot.nodes.size()) {
    return false;
  }
  const uint64_t bytes = site.alloc_bytes / site.alloc_count;
  const uint32_t module = snapshot.nodes[site.native].module;
  if ((bytes != kOldArena && bytes != kArena) || module >= snapshot.modules.size()) return false;
  const std::string& path = snapshot.modules[module].path;
  const std::string name = path.substr(path.rfind('/') + 1);
  return name.starts_with("python") || name.starts_with("libpython");
}

MemoryNow last_recorded_memory(const Snapshot& snapshot) {
  MemoryNow last;
  if (!snapshot.ledger.empty()) {
    last = {snapshot.ledger.back().rss_end, snapshot.ledger.back().t_ns};
  }
  for (const TimelinePoint& point : snapshot.timeline) {
    if (point.rss_bytes != 0 && point.t_ns > last.t_ns) last = {point.rss_bytes, point.t_ns};
  }
  return last;
}

Ledger make_ledger(const Snapshot& snapshot, const MemoryNow& now) {
  const LedgerPoint& walk = snapshot.ledger.back();
  Ledger ledger;
  ledger.rss_bytes = now.rss_bytes;
  ledger.t_ns = now.t_ns;
  ledger.walked_ns = walk.t_ns;
  ledger.heap_map = walk.heap_map;
  ledger.incomplete = walk.incomplete;
  ledger.stack_count = walk.stack_count;
  const uint64_t alive = snapshot.totals.live_bytes + snapshot.totals.inherited_bytes;
  ledger.object_live = walk.objects ? std::min(alive, snapshot.totals.object_bytes) : 0;
  ledger.live_requested = alive - ledger.object_live;
  ledger.arena_bytes = snapshot.totals.arena_bytes;
  if (snapshot.sampling.mode == SamplingMode::kOff && walk.statistics_ns != 0 &&
      ledger.live_requested == 0) {
    // Nothing is recorded: the allocator itself counts what it has given out.
    ledger.live_requested = walk.allocator.allocated;
  }
  // A walk takes time, and RSS may move meanwhile: what it has seen in all is RSS of some moment of
  // it, if it lies between the two ends.
  const auto [least, most] = std::minmax(walk.rss_begin, walk.rss_end);
  const uint64_t seen = walk.heap + walk.arenas + walk.mappings + walk.stacks + walk.files +
                        walk.shared + walk.own + walk.unknown;
  const uint64_t rss_then = std::clamp(seen, least, most);
  // Arenas are mappings as well where their objects are not recorded.
  const auto without_arenas = [&walk](uint64_t mapped, uint64_t arena_bytes) {
    return walk.objects ? mapped : less(mapped, arena_bytes);
  };
  const uint64_t mapped_then = without_arenas(walk.mapped, walk.arena_bytes);
  const uint64_t mapped = without_arenas(snapshot.totals.mapped_bytes, snapshot.totals.arena_bytes);
  uint64_t heap = walk.heap;
  uint64_t mappings = walk.mappings;
  uint64_t arenas = walk.arenas;
  if (now.rss_bytes >= rss_then) {
    const uint64_t more = now.rss_bytes - rss_then;
    const uint64_t of_arenas = std::min(more, less(ledger.arena_bytes, walk.arena_bytes));
    const uint64_t of_mappings = std::min(more - of_arenas, less(mapped, mapped_then));
    arenas += of_arenas;
    mappings += of_mappings;
    heap += more - of_arenas - of_mappings;
  } else {
    const uint64_t fewer = rss_then - now.rss_bytes;
    const uint64_t of_arenas =
        std::min({fewer, less(walk.arena_bytes, ledger.arena_bytes), arenas});
    const uint64_t of_mappings = std::min({fewer - of_arenas, less(mapped_then, mapped), mappings});
    arenas -= of_arenas;
    mappings -= of_mappings;
    heap = less(heap, fewer - of_arenas - of_mappings);
  }
  ledger.stale = differ(now.rss_bytes, rss_then) ||
                 (walk.heap_map && differ(walk.live, ledger.live_requested) &&
                  differ(walk.heap, walk.heap + ledger.live_requested - walk.live));
  split_heap(snapshot, walk, heap, ledger);
  split_arenas(walk, arenas, ledger);
  split_mappings(snapshot, walk, mappings, ledger);
  const auto set = [&ledger](BucketKind kind, uint64_t bytes) {
    ledger.buckets[static_cast<size_t>(kind)] = bytes;
  };
  set(BucketKind::kStacks, walk.stacks);
  set(BucketKind::kFiles, walk.files);
  set(BucketKind::kShared, walk.shared);
  set(BucketKind::kMla, walk.own);
  uint64_t sum = 0;
  for (const uint64_t bytes : ledger.buckets) sum += bytes;
  ledger.residual_bytes = static_cast<int64_t>(now.rss_bytes - sum);
  sort_by_bytes(ledger.pinned);
  sort_by_bytes(ledger.mappings);
  return ledger;
}

Ledger ledger_at(const Snapshot& snapshot, const LedgerPoint& walk) {
  Snapshot then;
  then.sampling = snapshot.sampling;
  then.ledger = {walk};
  then.totals.live_bytes = walk.live + (walk.objects ? walk.object_live : 0);
  then.totals.object_bytes = walk.objects ? walk.object_live : 0;
  then.totals.arena_bytes = walk.arena_bytes;
  then.totals.mapped_bytes = walk.mapped;
  return make_ledger(then, {walk.rss_end, walk.t_ns});
}

}  // namespace mla
