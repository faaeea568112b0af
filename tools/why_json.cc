#include "why_json.h"

#include <nlohmann/json.hpp>

#include "reader/names.h"
#include "report/utf8.h"
#include "words.h"

namespace mla {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kFrames = 20;

double seconds(uint64_t ns) { return static_cast<double>(ns) / 1e9; }

Json rows(const Snapshot& snapshot, Symbolizer& symbolizer, const std::vector<HeldBySite>& held) {
  Json list = Json::array();
  for (const HeldBySite& row : held) {
    const Site& site = snapshot.sites[row.site_index];
    list.push_back({{"bytes", row.bytes},
                    {"live_bytes", site.live_bytes},
                    {"live_count", site.live_count},
                    {"stack", one_line_stack(symbolizer, site, kFrames)}});
  }
  return list;
}

Json walk_of(const LedgerPoint& walk) {
  return {{"started_s", seconds(walk.started_ns)},
          {"ended_s", seconds(walk.t_ns)},
          {"cost_s", seconds(walk.cost_ns)},
          {"slices", walk.slices},
          {"longest_slice_s", seconds(walk.longest_ns)}};
}

Json allocator_of(const Snapshot& snapshot) {
  const LedgerPoint& walk = snapshot.ledger.back();
  Json allocator = {{"name", valid_utf8(snapshot.process.allocator)},
                    {"version", valid_utf8(snapshot.process.allocator_version)}};
  if (walk.statistics_ns == 0) {
    allocator["statistics"] = nullptr;
    return allocator;
  }
  const format::AllocatorStatistics& a = walk.allocator;
  allocator["statistics"] = {{"t_s", seconds(walk.statistics_ns)},
                             {"allocated_bytes", a.allocated},
                             {"heap_bytes", a.heap},
                             {"metadata_bytes", a.metadata},
                             {"free_kept_bytes", a.free_kept},
                             {"returned_bytes", a.returned},
                             {"cached_bytes", a.cached}};
  return allocator;
}

Json history_of(const Snapshot& snapshot) {
  Json history = Json::array();
  for (const LedgerPoint& p : snapshot.ledger) {
    history.push_back({{"t_s", seconds(p.t_ns)},
                       {"rss_bytes", p.rss_end},
                       {"heap_bytes", p.heap},
                       {"live_bytes", p.live},
                       {"free_bytes", p.free_pages},
                       {"pinned_bytes", p.pinned},
                       {"arena_bytes", p.arenas},
                       {"object_bytes", p.objects ? Json(p.object_bytes) : Json(nullptr)}});
  }
  return history;
}

}  // namespace

void write_why_json(std::ostream& out, const Snapshot& snapshot, Symbolizer& symbolizer,
                    const Explanation& explanation) {
  const Ledger& ledger = explanation.ledger;
  Json document;
  document["schema"] = {{"name", "mla-why"}, {"version", kWhySchemaVersion}};
  document["file"] = valid_utf8(snapshot.path);
  document["pid"] = snapshot.process.pid;
  document["exe"] = valid_utf8(snapshot.process.exe);
  document["status"] = status_name(snapshot.status);
  document["allocator"] = allocator_of(snapshot);
  document["rss_bytes"] = ledger.rss_bytes;
  document["rss_t_s"] = seconds(ledger.t_ns);
  document["age_s"] = explanation.live
                          ? Json(seconds(explanation.now_ns) - seconds(ledger.walked_ns))
                          : Json(nullptr);
  for (size_t i = 0; i < kBucketKinds; ++i) {
    const auto kind = static_cast<BucketKind>(i);
    document["buckets"][bucket_name(kind)] = ledger.bucket(kind);
  }
  document["residual_bytes"] = ledger.residual_bytes;
  document["untouched_bytes"] = ledger.untouched_bytes;
  document["live_requested_bytes"] = ledger.live_requested;
  document["arena_bytes"] = ledger.arena_bytes;
  document["object_live_bytes"] =
      snapshot.ledger.back().objects ? Json(ledger.object_live) : Json(nullptr);
  document["pinned_pages"] = ledger.pinned_pages;
  document["stack_count"] = ledger.stack_count;
  document["heap_map"] = ledger.heap_map;
  document["stale"] = ledger.stale;
  document["incomplete"] = ledger.incomplete;
  document["diagnosis"] = diagnosis_name(explanation.finding.diagnosis);
  document["sentence"] = sentence_of(snapshot, explanation);
  document["advice"] = Json::array();
  for (const Advice& advice : explanation.finding.advice) {
    document["advice"].push_back(
        {{"action", valid_utf8(advice.action)}, {"reason", advice.reason}});
  }
  document["pinned_by"] = rows(snapshot, symbolizer, ledger.pinned);
  document["mapped_by"] = rows(snapshot, symbolizer, ledger.mappings);
  document["files"] = Json::array();
  for (const ResidentFile& file : snapshot.files) {
    document["files"].push_back({{"path", valid_utf8(file.path)}, {"bytes", file.resident}});
  }
  document["trims"] = snapshot.trim.count;
  document["walk"] = walk_of(snapshot.ledger.back());
  document["history"] = history_of(snapshot);
  document["probe"] = nullptr;
  if (explanation.probe) {
    document["probe"] = {{"rss_before_bytes", explanation.probe->rss_before},
                         {"rss_after_bytes", explanation.probe->rss_after},
                         {"took_s", seconds(explanation.probe->took_ns)}};
  }
  out << document.dump(2) << '\n';
}

}  // namespace mla
