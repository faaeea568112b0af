#include "report/diff.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <set>

#include "reader/error.h"
#include "report/units.h"

namespace mla {

namespace {

int64_t difference(uint64_t to, uint64_t from) {
  return static_cast<int64_t>(to) - static_cast<int64_t>(from);
}

Site sum(const Snapshot& snapshot, const std::vector<uint32_t>& indexes) {
  Site total;
  double live_variance = 0;
  double alloc_variance = 0;
  for (const uint32_t index : indexes) {
    const Site& site = snapshot.sites[index];
    total.mapping = site.mapping;
    total.overflow = site.overflow;
    total.alloc_count += site.alloc_count;
    total.alloc_bytes += site.alloc_bytes;
    total.freed_count += site.freed_count;
    total.freed_bytes += site.freed_bytes;
    total.live_count += site.live_count;
    total.live_bytes += site.live_bytes;
    total.peak_bytes += site.peak_bytes;
    total.peak_count += site.peak_count;
    total.samples += site.samples;
    live_variance += site.live_se * site.live_se;
    alloc_variance += site.alloc_se * site.alloc_se;
  }
  total.live_se = std::sqrt(live_variance);
  total.alloc_se = std::sqrt(alloc_variance);
  return total;
}

// Nothing of a site was sampled, and that is no measurement of 0. If it had there what it has in
// the other recording, `count` blocks of `bytes` together, its estimate would have this standard
// error: each block of s bytes is recorded with the probability p = 1 - exp(-s / interval) and then
// counts 1 / p times, so that the variance of a block is s^2 (1 - p) / p.
double error_of_nothing(const SamplingInfo& sampling, uint64_t count, uint64_t bytes) {
  if (sampling.mode != SamplingMode::kSampled || count == 0) return 0;
  const double size = static_cast<double>(bytes) / static_cast<double>(count);
  const double missed = std::exp(-size / static_cast<double>(sampling.interval_bytes));
  if (missed >= 1) return 0;
  return size * std::sqrt(static_cast<double>(count) * missed / (1 - missed));
}

void set_errors(const Diff& diff, DiffRow& row) {
  double live[2] = {row.a.live_se, row.b.live_se};
  double alloc[2] = {row.a.alloc_se, row.b.alloc_se};
  const Site* sites[2] = {&row.a, &row.b};
  const SamplingInfo* sampling[2] = {&diff.a.snapshot->sampling, &diff.b.snapshot->sampling};
  const bool mapping = row.a.mapping || row.b.mapping;  // each is recorded
  for (size_t i = 0; i < 2 && !mapping; ++i) {
    const Site& other = *sites[1 - i];
    if (sites[i]->live_bytes == 0) {
      live[i] = error_of_nothing(*sampling[i], other.live_count, other.live_bytes);
    }
    if (sites[i]->alloc_bytes == 0) {
      alloc[i] = error_of_nothing(*sampling[i], other.alloc_count, other.alloc_bytes);
    }
  }
  row.live_se = std::hypot(live[0], live[1]);
  row.alloc_se = std::hypot(alloc[0], alloc[1]);
}

DiffSide side_at_end(const Snapshot& snapshot) {
  DiffSide side;
  const Totals& totals = snapshot.totals;
  side.snapshot = &snapshot;
  side.t_ns = snapshot.last_ns;
  side.live_bytes = totals.live_bytes;
  side.live_count = totals.live_count;
  side.alloc_bytes = totals.alloc_bytes;
  side.alloc_count = totals.alloc_count;
  side.mapped_bytes = totals.mapped_bytes;
  side.peak_live_bytes = totals.peak_live_bytes;
  const auto last = std::find_if(snapshot.timeline.rbegin(), snapshot.timeline.rend(),
                                 [](const TimelinePoint& p) { return p.rss_bytes != 0; });
  if (last != snapshot.timeline.rend()) side.rss_bytes = last->rss_bytes;
  if (!snapshot.ledger.empty()) side.ledger = make_ledger(snapshot, last_recorded_memory(snapshot));
  return side;
}

uint64_t distance(uint64_t a, uint64_t b) { return a < b ? b - a : a - b; }

template <class Points>
auto nearest(const Points& points, uint64_t t_ns) {
  return std::min_element(points.begin(), points.end(), [t_ns](const auto& a, const auto& b) {
    return distance(a.t_ns, t_ns) < distance(b.t_ns, t_ns);
  });
}

DiffSide side_at(const Snapshot& snapshot, uint64_t t_ns) {
  if (t_ns == snapshot.last_ns) return side_at_end(snapshot);
  DiffSide side;
  side.snapshot = &snapshot;
  side.t_ns = t_ns;
  if (t_ns == 0) return side;
  const auto point = nearest(snapshot.timeline, t_ns);
  if (point != snapshot.timeline.end()) {
    side.live_bytes = point->live_bytes;
    side.live_count = point->live_count;
    side.alloc_bytes = point->alloc_bytes;
    side.alloc_count = point->alloc_count;
    side.mapped_bytes = point->mapped_bytes;
    if (point->rss_bytes != 0) side.rss_bytes = point->rss_bytes;
  }
  const auto walk = nearest(snapshot.ledger, t_ns);
  if (walk != snapshot.ledger.end()) side.ledger = ledger_at(snapshot, *walk);
  return side;
}

// Live figures of call sites at one of the moments a recording has noted.
class Moment {
 public:
  Moment(const Snapshot& snapshot, uint64_t t_ns)
      : snapshot_(snapshot), t_ns_(t_ns), at_end_(t_ns == snapshot.last_ns) {
    for (const SiteHistory& history : snapshot.history) {
      for (const SiteHistoryPoint& point : history.points) {
        if (point.t_ns != t_ns) continue;
        noted_[history.site_index] = point;
        least_ = noted_.size() == 1 ? point.live_bytes : std::min(least_, point.live_bytes);
      }
    }
  }

  // nullopt: it was not among those noted.
  std::optional<SiteHistoryPoint> of(uint32_t index) const {
    const Site& site = snapshot_.sites[index];
    if (at_end_) return SiteHistoryPoint{t_ns_, site.live_bytes, site.live_count};
    const auto noted = noted_.find(index);
    if (noted != noted_.end()) return noted->second;
    if (t_ns_ < site.first_seen_ns || all_noted()) return SiteHistoryPoint{t_ns_, 0, 0};
    return std::nullopt;
  }

  uint64_t most_of_others() const { return all_noted() || at_end_ ? 0 : least_; }

 private:
  // With room left for more sites no other one held anything. Half of the room, because sites that
  // turned out to have the same stack have become one.
  bool all_noted() const { return noted_.size() < format::kHistoryRows / 2; }

  const Snapshot& snapshot_;
  uint64_t t_ns_;
  bool at_end_;
  std::map<uint32_t, SiteHistoryPoint> noted_;
  uint64_t least_ = 0;
};

uint64_t nearest_noted(const Snapshot& snapshot, uint64_t t_ns) {
  std::set<uint64_t> moments{0, snapshot.last_ns};
  for (const SiteHistory& history : snapshot.history) {
    for (const SiteHistoryPoint& point : history.points) moments.insert(point.t_ns);
  }
  return *std::min_element(moments.begin(), moments.end(), [t_ns](uint64_t a, uint64_t b) {
    return distance(a, t_ns) < distance(b, t_ns);
  });
}

void sort_rows(Diff& diff, SiteOrder order) {
  std::stable_sort(diff.rows.begin(), diff.rows.end(), [order](const auto& x, const auto& y) {
    const int64_t a = change_of(x, order).bytes;
    const int64_t b = change_of(y, order).bytes;
    // What grew and what shrank by as much: first what grew.
    return std::abs(a) != std::abs(b) ? std::abs(a) > std::abs(b) : a > b;
  });
}

}  // namespace

bool Change::within_error() const {
  return se > 0 && std::abs(static_cast<double>(bytes)) < 2 * se;
}

Change change_of(const DiffRow& row, SiteOrder order) {
  Change change{difference(site_value(row.b, order), site_value(row.a, order)), 0};
  if (order == SiteOrder::kLive) change.se = row.live_se;
  if (order == SiteOrder::kAllocated) change.se = row.alloc_se;
  return change;
}

Change change_of_live(const Diff& diff) {
  Change change{difference(diff.b.live_bytes, diff.a.live_bytes), 0};
  if (!diff.moments) {
    change.se = std::hypot(diff.a.snapshot->totals.live_se, diff.b.snapshot->totals.live_se);
  }
  return change;
}

Diff diff_recordings(const RecordingNames& a, const RecordingNames& b, SiteOrder order) {
  Diff diff;
  diff.a = side_at_end(a.snapshot);
  diff.b = side_at_end(b.snapshot);
  diff.same_process = a.snapshot.process.pid == b.snapshot.process.pid &&
                      a.snapshot.process.host == b.snapshot.process.host &&
                      a.snapshot.process.start_realtime_ns == b.snapshot.process.start_realtime_ns;
  for (SiteMatch& match : match_sites(a, b)) {
    DiffRow row;
    row.a = sum(a.snapshot, match.a);
    row.b = sum(b.snapshot, match.b);
    row.match = std::move(match);
    set_errors(diff, row);
    diff.rows.push_back(std::move(row));
  }
  sort_rows(diff, order);
  return diff;
}

Diff diff_moments(const Snapshot& snapshot, uint64_t from_ns, uint64_t to_ns, SiteOrder order) {
  Diff diff;
  diff.moments = true;
  diff.same_process = true;
  const uint64_t from = nearest_noted(snapshot, from_ns);
  const uint64_t to = nearest_noted(snapshot, to_ns);
  if (from == to) {
    throw Error(snapshot.path,
                "between these moments nothing was noted; the nearest is after " +
                    human_seconds(static_cast<double>(from) / 1e9),
                "put --from and --to further apart");
  }
  diff.a = side_at(snapshot, from);
  diff.b = side_at(snapshot, to);
  const Moment then(snapshot, from);
  const Moment now(snapshot, to);
  diff.unnoted.most = {then.most_of_others(), now.most_of_others()};
  diff.unnoted.bytes = difference(diff.b.live_bytes, diff.a.live_bytes);
  std::optional<size_t> arenas;  // the row of the mappings CPython keeps small objects in
  for (uint32_t i = 0; i < snapshot.sites.size(); ++i) {
    const auto a = then.of(i);
    const auto b = now.of(i);
    if (!a || !b) {
      ++diff.unnoted.sites;
      continue;
    }
    const bool arena = is_python_arena(snapshot, snapshot.sites[i]);
    DiffRow& row = arena && arenas ? diff.rows[*arenas] : diff.rows.emplace_back();
    if (arena) arenas = static_cast<size_t>(&row - diff.rows.data());
    row.match.a.push_back(i);
    row.match.b.push_back(i);
    row.a.mapping = row.b.mapping = snapshot.sites[i].mapping;
    row.a.live_bytes += a->live_bytes;
    row.a.live_count += a->live_count;
    row.b.live_bytes += b->live_bytes;
    row.b.live_count += b->live_count;
    if (!row.b.mapping) diff.unnoted.bytes -= difference(b->live_bytes, a->live_bytes);
  }
  sort_rows(diff, order);
  return diff;
}

}  // namespace mla
