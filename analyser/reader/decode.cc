#include "reader/decode.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <set>
#include <string>

#include "reader/decode_cohorts.h"
#include "reader/decode_ledger.h"
#include "reader/decode_objects.h"
#include "reader/decode_tables.h"

namespace mla {

using format::Table;

namespace {

uint64_t relaxed(const std::atomic<uint64_t>& value) {
  return value.load(std::memory_order_relaxed);
}

void add_to(uint64_t& sum, uint64_t value) { sum = saturating_add(sum, value); }

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  size_t begin = 0;
  while (begin < text.size()) {
    const size_t end = std::min(text.find(separator, begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

void decode_process(const SegmentImage& image, ProcessInfo& process, DamageLog& damage) {
  const format::SegmentHeader& header = image.header();
  uint64_t field = 0;
  const auto text = [&](const format::StringRef& ref) {
    std::string result;
    if (!image.string(relaxed(ref), result)) {
      damage.add("header", "a string outside the file was left out", field);
    }
    ++field;
    return result;
  };
  process.pid = header.pid;
  process.parent_pid = header.parent_pid;
  process.uid = header.uid;
  process.fork_depth = header.fork_depth;
  process.parent_recorded = header.parent_recorded != 0;
  static constexpr const char* kThpModes[] = {"unknown", "never", "madvise", "always"};
  process.thp_mode = kThpModes[header.thp_mode < std::size(kThpModes) ? header.thp_mode : 0];
  process.start_realtime_ns = header.start_realtime_ns;
  process.start_monotonic_ns = header.start_monotonic_ns;
  process.process_start_ticks = header.process_start_ticks;
  process.page_bytes = header.page_bytes;
  process.exe = text(header.exe);
  process.argv = split(text(header.argv), '\0');
  process.working_directory = text(header.working_directory);
  process.host = text(header.host);
  process.kernel = text(header.kernel);
  process.cgroup = text(header.cgroup);
  process.parent_segment = text(header.parent_segment);
  process.allocator = text(header.allocator);
  process.allocator_version = text(header.allocator_version);
  process.allocator_path = text(header.allocator_path);
  process.python_version = text(header.python_version);
  static constexpr const char* kPythonModes[] = {"none", "frames", "objects"};
  const uint32_t mode = header.python.load(std::memory_order_relaxed);
  process.python_mode = kPythonModes[mode < std::size(kPythonModes) ? mode : 0];
  process.settings = split(text(header.settings), '\n');
  process.notes = split(text(header.note), '\n');
}

// The root of a sum of variances as the writer keeps them, in bytes.
double standard_error(uint64_t variance) {
  return std::sqrt(static_cast<double>(variance) * static_cast<double>(format::kVarianceUnit));
}

void decode_counters(const SegmentImage& image, const IdMap& map, std::vector<Site>& sites,
                     DamageLog& damage) {
  struct Variances {
    uint64_t alloc = 0;
    uint64_t freed = 0;
  };
  std::vector<Variances> variances(sites.size());
  const uint64_t count = image.records(Table::kCounters);
  for (uint64_t i = 0; i < count; ++i) {
    const auto* record = image.record<format::CounterRecord>(Table::kCounters, i);
    if (record == nullptr) continue;
    // Acquires the writer's release of a counter it took into use.
    const uint32_t id = record->site.load(std::memory_order_acquire);
    if (id == 0) continue;
    const uint32_t index = lookup(map, id);
    if (index == kNoIndex) {
      damage.add("counters", "of a call site that does not exist; left out", i);
      continue;
    }
    Site& site = sites[index];
    add_to(site.alloc_count, relaxed(record->alloc_count));
    add_to(site.alloc_bytes, relaxed(record->alloc_bytes));
    add_to(site.freed_count, relaxed(record->freed_count));
    add_to(site.freed_bytes, relaxed(record->freed_bytes));
    add_to(site.samples, relaxed(record->samples));
    add_to(variances[index].alloc, relaxed(record->alloc_variance));
    add_to(variances[index].freed, relaxed(record->freed_variance));
  }
  for (uint32_t i = 0; i < sites.size(); ++i) {
    Site& site = sites[i];
    site.live_se = standard_error(clamped_subtract(variances[i].alloc, variances[i].freed));
    site.alloc_se = standard_error(variances[i].alloc);
    site.live_count = clamped_subtract(site.alloc_count, site.freed_count);
    site.live_bytes = clamped_subtract(site.alloc_bytes, site.freed_bytes);
  }
}

void decode_per_site(const SegmentImage& image, const IdMap& map, std::vector<Site>& sites) {
  const SegmentImage::Peak& peak = image.peak();
  const Table peak_table = peak.table == 2 ? Table::kPeakB : Table::kPeakA;
  for (uint32_t id = 1; id < map.size(); ++id) {
    if (map[id] == kNoIndex) continue;
    Site& site = sites[map[id]];
    const auto* at_peak = image.record<format::PeakRecord>(peak_table, id);
    if (peak.table != 0 && at_peak != nullptr && id < peak.sites) {
      add_to(site.peak_bytes, relaxed(at_peak->live_bytes));
      add_to(site.peak_count, relaxed(at_peak->live_count));
    }
    const auto* inherited = image.record<format::InheritedRecord>(Table::kInherited, id);
    if (inherited != nullptr) {
      add_to(site.inherited_count, relaxed(inherited->live_count));
      add_to(site.inherited_bytes, relaxed(inherited->live_bytes));
      add_to(site.inherited_freed_count, relaxed(inherited->freed_count));
      add_to(site.inherited_freed_bytes, relaxed(inherited->freed_bytes));
    }
  }
}

// Largest first; sites with nothing to say (an unpublished counter, another process's) leave, but
// for those `kept` names. Returns from the old index to the new one.
IdMap sort_sites(std::vector<Site>& sites, const std::set<uint32_t>& kept) {
  IdMap order;
  for (uint32_t i = 0; i < sites.size(); ++i) {
    const Site& site = sites[i];
    if ((site.alloc_count | site.freed_count | site.inherited_count | site.peak_bytes) != 0 ||
        kept.contains(i)) {
      order.push_back(i);
    }
  }
  std::stable_sort(order.begin(), order.end(), [&sites](uint32_t a, uint32_t b) {
    return sites[a].live_bytes > sites[b].live_bytes;
  });
  IdMap moved(sites.size(), kNoIndex);
  std::vector<Site> sorted;
  sorted.reserve(order.size());
  for (const uint32_t old : order) {
    moved[old] = static_cast<uint32_t>(sorted.size());
    sorted.push_back(sites[old]);
  }
  sites = std::move(sorted);
  return moved;
}

void decode_threads(const SegmentImage& image, std::vector<ThreadInfo>& threads) {
  const uint64_t count = image.records(Table::kThreads);
  for (uint64_t i = 0; i < count; ++i) {
    const auto* record = image.record<format::ThreadRecord>(Table::kThreads, i);
    if (record == nullptr) continue;
    ThreadInfo thread;
    thread.tid = record->tid.load(std::memory_order_acquire);  // the writer's release of a thread
    if (thread.tid == 0) continue;
    const uint64_t name[2] = {relaxed(record->name[0]), relaxed(record->name[1])};
    const auto* letters = reinterpret_cast<const char*>(name);
    thread.name.assign(letters, strnlen(letters, sizeof name));
    thread.ended = record->state.load(std::memory_order_relaxed) == 2;
    thread.start_ns = record->start_ns;
    if (thread.ended) thread.end_ns = relaxed(record->end_ns);
    thread.alloc_count = relaxed(record->alloc_count);
    thread.alloc_bytes = relaxed(record->alloc_bytes);
    thread.freed_count = relaxed(record->freed_count);
    thread.freed_bytes = relaxed(record->freed_bytes);
    threads.push_back(std::move(thread));
  }
}

void decode_timeline(const SegmentImage& image, std::vector<TimelinePoint>& timeline) {
  for (uint32_t i = 0; i < format::kTimelineSlots; ++i) {
    const format::TimelineRecord& slot = image.timeline()[i];
    TimelinePoint point;
    point.t_ns = slot.t_ns.load(std::memory_order_acquire);  // format::append's release
    if (point.t_ns == 0) continue;
    point.rss_bytes = relaxed(slot.rss_bytes);
    point.anon_bytes = relaxed(slot.anon_bytes);
    point.live_bytes = relaxed(slot.live_bytes);
    point.live_count = relaxed(slot.live_count);
    point.alloc_count = relaxed(slot.alloc_count);
    point.alloc_bytes = relaxed(slot.alloc_bytes);
    point.mapped_bytes = relaxed(slot.mapped_bytes);
    timeline.push_back(point);
  }
  std::sort(timeline.begin(), timeline.end(),
            [](const auto& a, const auto& b) { return a.t_ns < b.t_ns; });
}

void decode_history(const SegmentImage& image, const IdMap& map, const IdMap& moved,
                    Snapshot& snapshot, DamageLog& damage) {
  std::map<uint32_t, std::map<uint64_t, SiteHistoryPoint>> by_site;
  for (uint32_t c = 0; c < format::kHistoryColumns; ++c) {
    const format::HistoryColumn& column = image.history()[c];
    const uint64_t t_ns = column.t_ns.load(std::memory_order_acquire);  // the ticker's release
    if (t_ns == 0) continue;
    uint64_t rows = relaxed(column.rows);
    if (rows > format::kHistoryRows) {
      damage.add("history", "more rows than a column holds; clamped", c);
      rows = format::kHistoryRows;
    }
    for (uint64_t r = 0; r < rows; ++r) {
      const format::HistoryRow& row = column.row[r];
      const uint32_t id = row.site.load(std::memory_order_relaxed);
      if (id == 0) continue;
      const uint32_t old = lookup(map, id);
      if (old == kNoIndex || moved[old] == kNoIndex) {
        damage.add("history", "of a call site that does not exist; left out", c);
        continue;
      }
      SiteHistoryPoint& point = by_site[moved[old]][t_ns];
      point.t_ns = t_ns;
      add_to(point.live_bytes, relaxed(row.live_bytes));
      add_to(point.live_count, row.live_count.load(std::memory_order_relaxed));
    }
  }
  for (const auto& [site_index, points] : by_site) {
    SiteHistory& history = snapshot.history.emplace_back();
    history.site_index = site_index;
    for (const auto& [t_ns, point] : points) history.points.push_back(point);
  }
}

SamplingInfo decode_sampling(const format::SegmentHeader& header) {
  SamplingInfo sampling;
  const uint64_t interval = relaxed(header.sampling_interval);
  sampling.estimates = header.ever_sampled.load(std::memory_order_relaxed) != 0;
  sampling.budget_percent = header.budget_ppm / 1e4;
  sampling.off_begin_ns = relaxed(header.off_begin_ns);
  if (sampling.was_off()) {
    sampling.off_first_ns = std::min(relaxed(header.off_first_ns), sampling.off_begin_ns);
    sampling.off_end_ns = relaxed(header.off_end_ns);
  }
  sampling.mode = sampling_mode(interval);
  if (sampling.mode == SamplingMode::kSampled) sampling.interval_bytes = interval;
  return sampling;
}

void sum_up(const SegmentImage& image, Snapshot& snapshot) {
  const format::SegmentHeader& header = image.header();
  Totals& totals = snapshot.totals;
  uint64_t mapped = 0;
  double live_variance = 0;
  double alloc_variance = 0;
  for (const Site& site : snapshot.sites) {
    // Inherited blocks are gone from the process once it freed them.
    add_to(totals.inherited_bytes,
           clamped_subtract(site.inherited_bytes, site.inherited_freed_bytes));
    add_to(totals.inherited_count,
           clamped_subtract(site.inherited_count, site.inherited_freed_count));
    if (site.mapping) {
      add_to(mapped, site.live_bytes);
      continue;
    }
    live_variance += site.live_se * site.live_se;
    alloc_variance += site.alloc_se * site.alloc_se;
    add_to(totals.live_bytes, site.live_bytes);
    add_to(totals.live_count, site.live_count);
    add_to(totals.alloc_bytes, site.alloc_bytes);
    add_to(totals.alloc_count, site.alloc_count);
    add_to(totals.freed_bytes, site.freed_bytes);
    add_to(totals.freed_count, site.freed_count);
    // Not the live bytes that the writer noted: other threads went on while it summed sites up.
    add_to(totals.peak_snapshot_bytes, site.peak_bytes);
  }
  totals.live_se = std::sqrt(live_variance);
  totals.alloc_se = std::sqrt(alloc_variance);
  totals.mapped_bytes = mapped;
  // Summed up by threads one after another: for moments it may be below 0.
  const uint64_t objects = relaxed(header.object_bytes);
  totals.object_bytes = static_cast<int64_t>(objects) < 0 ? 0 : objects;
  totals.arena_bytes = relaxed(header.arena_bytes);
  // The header's peak is refreshed as the process goes along: never below what is live now.
  totals.peak_live_bytes = relaxed(header.peak_live_bytes);
  totals.peak_ns = relaxed(header.peak_ns);
  if (totals.live_bytes > totals.peak_live_bytes) {
    totals.peak_live_bytes = totals.live_bytes;
    totals.peak_ns = snapshot.last_ns;
  }
  totals.peak_snapshot_ns = image.peak().ns;
  for (uint32_t i = 0; i < format::kLossCount; ++i) {
    snapshot.losses[i] = relaxed(header.losses[i]);
    if ((format::kLostEventMask >> i & 1) != 0) add_to(totals.lost_events, snapshot.losses[i]);
  }
  totals.own_bytes = image.used_bytes();
  add_to(totals.own_bytes, relaxed(header.own_private_bytes));
  totals.own_live_map_bytes = relaxed(header.own_live_map_bytes);
  add_to(totals.own_bytes, totals.own_live_map_bytes);
}

uint64_t last_moment(const SegmentImage& image, const Snapshot& snapshot) {
  uint64_t last = std::max(snapshot.stop_ns, relaxed(image.header().peak_ns));
  if (!snapshot.timeline.empty()) last = std::max(last, snapshot.timeline.back().t_ns);
  for (const SiteHistory& history : snapshot.history) {
    last = std::max(last, history.points.back().t_ns);
  }
  for (const Site& site : snapshot.sites) last = std::max(last, site.first_seen_ns);
  for (const ThreadInfo& thread : snapshot.threads) {
    last = std::max({last, thread.start_ns, thread.end_ns});
  }
  for (const ModuleInfo& module : snapshot.modules) {
    last = std::max({last, module.load_ns, module.unload_ns});
  }
  return last;
}

}  // namespace

void decode(const SegmentImage& image, Snapshot& snapshot, DamageLog& damage) {
  const format::SegmentHeader& header = image.header();
  decode_process(image, snapshot.process, damage);
  snapshot.file_bytes = image.used_bytes();
  const uint32_t reason = header.stop_reason.load(std::memory_order_relaxed);
  snapshot.stop_reason = static_cast<format::StopReason>(reason);
  snapshot.stop_errno = header.stop_errno.load(std::memory_order_relaxed);
  snapshot.stop_ns = relaxed(header.stop_ns);

  snapshot.sampling = decode_sampling(header);
  snapshot.unwind_check = {relaxed(header.unwind_checked), relaxed(header.unwind_differed),
                           relaxed(header.unwind_first_frame), relaxed(header.unwind_first_pc),
                           relaxed(header.unwind_first_reference_pc)};

  const IdMap modules = decode_modules(image, snapshot.modules, damage);
  const IdMap codes = decode_python_codes(image, snapshot.python_codes, damage);
  const IdMap nodes = decode_nodes(image, modules, codes, snapshot.nodes, damage);
  const IdMap sites = decode_sites(image, nodes, snapshot.sites, damage);
  decode_counters(image, sites, snapshot.sites, damage);
  decode_per_site(image, sites, snapshot.sites);
  const IdMap moved = sort_sites(snapshot.sites, sites_of_ledger(image, sites));
  decode_cohorts(image, sites, moved, snapshot, damage);
  decode_ledger(image, sites, moved, snapshot, damage);
  decode_objects(image, snapshot.objects, damage);
  decode_threads(image, snapshot.threads);
  decode_timeline(image, snapshot.timeline);
  decode_history(image, sites, moved, snapshot, damage);
  snapshot.last_ns = last_moment(image, snapshot);
  sum_up(image, snapshot);
}

}  // namespace mla
