#include "report/diff_json.h"

#include <nlohmann/json.hpp>

#include "report/json.h"

namespace mla {

namespace {

using Json = nlohmann::ordered_json;

double seconds(uint64_t ns) { return static_cast<double>(ns) / 1e9; }

template <class Value>
Json or_null(const std::optional<Value>& value) {
  return value ? Json(*value) : Json();
}

Json ledger_json(const std::optional<Ledger>& ledger) {
  if (!ledger) return {};
  Json buckets = Json::object();
  for (size_t i = 0; i < kBucketKinds; ++i) {
    const auto kind = static_cast<BucketKind>(i);
    buckets[bucket_name(kind)] = ledger->bucket(kind);
  }
  return {{"t_s", seconds(ledger->t_ns)},
          {"rss_bytes", ledger->rss_bytes},
          {"buckets", buckets},
          {"residual_bytes", ledger->residual_bytes}};
}

Json side_json(const DiffSide& side) {
  Json json{{"t_s", seconds(side.t_ns)},
            {"live_bytes", side.live_bytes},
            {"live_count", side.live_count},
            {"alloc_bytes", side.alloc_bytes},
            {"alloc_count", side.alloc_count},
            {"mapped_bytes", side.mapped_bytes},
            {"peak_live_bytes", or_null(side.peak_live_bytes)},
            {"rss_bytes", or_null(side.rss_bytes)},
            {"ledger", ledger_json(side.ledger)}};
  const Json head = report_head(*side.snapshot);
  for (const char* key : {"recording", "process", "status", "totals", "sampling"}) {
    json[key] = head[key];
  }
  return json;
}

Json figures_json(const Site& site, size_t sites, bool moment) {
  const auto known = [moment](uint64_t value) { return moment ? Json() : Json(value); };
  return {{"sites", sites},
          {"live_bytes", site.live_bytes},
          {"live_count", site.live_count},
          {"alloc_bytes", known(site.alloc_bytes)},
          {"alloc_count", known(site.alloc_count)},
          {"peak_bytes", known(site.peak_bytes)},
          {"live_bytes_se", site.live_se}};
}

Json stack_json(Symbolizer& symbolizer, const Snapshot& snapshot,
                const std::vector<uint32_t>& sites) {
  if (sites.empty()) return {};
  Json stack = Json::array();
  const SiteStack merged = symbolizer.stack_of(snapshot.sites[sites.front()]);
  for (const Frame* frame : merged.frames) stack.push_back(frame_json(*frame));
  return stack;
}

Json matched_json(const Diff& diff) {
  Json counts = Json::object();
  for (size_t i = 0; i < kMatchKinds; ++i) {
    counts[match_kind_name(static_cast<MatchKind>(i))] = 0;
  }
  for (const DiffRow& row : diff.rows) {
    Json& count = counts[match_kind_name(row.match.kind)];
    count = count.get<uint64_t>() + 1;
  }
  return counts;
}

Json unnoted_json(const Diff& diff) {
  if (!diff.moments) return {};
  return {{"sites", diff.unnoted.sites},
          {"most_bytes", {diff.unnoted.most[0], diff.unnoted.most[1]}},
          {"change_bytes", diff.unnoted.bytes}};
}

std::string dump(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

Json diff_head(const Diff& diff) {
  const Change change = change_of_live(diff);
  return {{"schema", {{"name", "mla-diff"}, {"version", kDiffSchemaVersion}}},
          {"generator", {{"name", "mla"}, {"version", MLA_VERSION}}},
          {"a", side_json(diff.a)},
          {"b", side_json(diff.b)},
          {"moments", diff.moments},
          {"same_process", diff.same_process},
          {"change",
           {{"live_bytes", change.bytes},
            {"live_bytes_se", change.se},
            {"within_error", change.within_error()}}},
          {"unnoted", unnoted_json(diff)},
          {"matched", matched_json(diff)}};
}

void write_diff_json(std::ostream& out, const Diff& diff, Symbolizer& a, Symbolizer& b) {
  const char* before = "{\n\"";
  const Json head = diff_head(diff);
  for (const auto& [key, value] : head.items()) {
    out << before << key << "\": " << dump(value);
    before = ",\n\"";
  }
  out << ",\n\"sites\": [";
  const char* between = "\n  ";
  for (const DiffRow& row : diff.rows) {
    const Change change = change_of(row, SiteOrder::kLive);
    const bool mapping = row.match.a.empty() ? row.b.mapping : row.a.mapping;
    out << between
        << dump({{"kind", mapping ? "mapping" : "heap"},
                 {"match", match_kind_name(row.match.kind)},
                 {"change_bytes", change.bytes},
                 {"change_se", change.se},
                 {"within_error", change.within_error()},
                 {"a", figures_json(row.a, row.match.a.size(), diff.moments)},
                 {"b", figures_json(row.b, row.match.b.size(), diff.moments)},
                 {"stack_a", stack_json(a, *diff.a.snapshot, row.match.a)},
                 {"stack_b", stack_json(b, *diff.b.snapshot, row.match.b)}});
    between = ",\n  ";
  }
  Json warnings = a.warnings();
  if (&a != &b) {
    for (const std::string& warning : b.warnings()) warnings.push_back(warning);
  }
  out << "\n],\n\"warnings\": " << dump(warnings) << "\n}\n";
}

}  // namespace mla
