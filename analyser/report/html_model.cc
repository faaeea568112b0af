#include "report/html_model.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>

#include "reader/names.h"
#include "report/html_page.h"
#include "report/html_stacks.h"
#include "report/json.h"
#include "report/verdict_text.h"
#include "series/growth.h"

namespace mla {

namespace {

using Json = nlohmann::ordered_json;

double seconds(uint64_t ns) { return static_cast<double>(ns) / 1e9; }

template <class Items, class Value>
Json column(const Items& items, Value value) {
  Json list = Json::array();
  for (const auto& item : items) list.push_back(value(item));
  return list;
}

Json sites_json(const Snapshot& snapshot, HtmlStacks& stacks) {
  const std::vector<Site>& all = snapshot.sites;
  Json sites;
  sites["stack"] = Json::array();
  sites["brief"] = Json::array();
  for (const Site& site : all) {
    sites["stack"].push_back(stacks.whole(site));
    sites["brief"].push_back(stacks.brief(site));
  }
  const auto add = [&](const char* name, auto value) { sites[name] = column(all, value); };
  add("id", [](const Site& s) { return s.id; });
  add("mapping", [](const Site& s) { return s.mapping ? 1 : 0; });
  add("overflow", [](const Site& s) { return s.overflow ? 1 : 0; });
  add("live_bytes", [](const Site& s) { return s.live_bytes; });
  add("live_count", [](const Site& s) { return s.live_count; });
  add("alloc_bytes", [](const Site& s) { return s.alloc_bytes; });
  add("alloc_count", [](const Site& s) { return s.alloc_count; });
  add("peak_bytes", [](const Site& s) { return s.peak_bytes; });
  add("inherited_bytes", [](const Site& s) { return s.inherited_bytes; });
  add("live_se", [](const Site& s) { return std::round(s.live_se); });
  add("samples", [](const Site& s) { return s.samples; });
  add("first_seen_s", [](const Site& s) { return seconds(s.first_seen_ns); });
  sites["growth"] = column(growth_after_start(snapshot),
                           [](const auto& bytes) { return bytes ? Json(*bytes) : Json(); });
  return sites;
}

Json history_json(const Snapshot& snapshot) {
  std::vector<const SiteHistory*> ordered;
  for (const SiteHistory& of_site : snapshot.history) ordered.push_back(&of_site);
  std::sort(ordered.begin(), ordered.end(),
            [](const auto* a, const auto* b) { return a->site_index < b->site_index; });
  Json history{{"site", Json::array()}, {"t_s", Json::array()}, {"live_bytes", Json::array()}};
  for (const SiteHistory* of_site : ordered) {
    for (const SiteHistoryPoint& point : of_site->points) {
      history["site"].push_back(of_site->site_index);
      history["t_s"].push_back(seconds(point.t_ns));
      history["live_bytes"].push_back(point.live_bytes);
    }
  }
  return history;
}

Json buckets_json(const Ledger& ledger) {
  Json buckets = Json::object();
  for (size_t i = 0; i < kBucketKinds; ++i) {
    const auto kind = static_cast<BucketKind>(i);
    buckets[bucket_name(kind)] = ledger.bucket(kind);
  }
  return buckets;
}

Json ledger_history_json(const Snapshot& snapshot) {
  Json history{{"t_s", Json::array()}, {"rss_bytes", Json::array()}};
  for (const LedgerPoint& walk : snapshot.ledger) {
    const Ledger ledger = ledger_at(snapshot, walk);
    history["t_s"].push_back(seconds(ledger.t_ns));
    history["rss_bytes"].push_back(ledger.rss_bytes);
    history["residual_bytes"].push_back(ledger.residual_bytes);
    for (size_t i = 0; i < kBucketKinds; ++i) {
      const auto kind = static_cast<BucketKind>(i);
      history["buckets"][bucket_name(kind)].push_back(ledger.bucket(kind));
    }
  }
  return history;
}

Json held_json(const std::vector<HeldBySite>& held) {
  return {{"site", column(held, [](const HeldBySite& one) { return one.site_index; })},
          {"bytes", column(held, [](const HeldBySite& one) { return one.bytes; })}};
}

Json ledger_json(const Snapshot& snapshot, const HtmlFindings& findings) {
  if (!findings.ledger) return {};
  const Ledger& ledger = *findings.ledger;
  Json advice = column(findings.diagnosis.advice, [](const Advice& one) {
    return Json{{"action", one.action}, {"reason", one.reason}};
  });
  Json files = column(snapshot.files, [](const ResidentFile& file) {
    return Json{{"path", file.path}, {"bytes", file.resident}};
  });
  return {{"rss_bytes", ledger.rss_bytes},
          {"t_s", seconds(ledger.t_ns)},
          {"walked_s", seconds(ledger.walked_ns)},
          {"stale", ledger.stale},
          {"heap_map", ledger.heap_map},
          {"incomplete", ledger.incomplete},
          {"buckets", buckets_json(ledger)},
          {"residual_bytes", ledger.residual_bytes},
          {"untouched_bytes", ledger.untouched_bytes},
          {"pinned_pages", ledger.pinned_pages},
          {"diagnosis", diagnosis_name(findings.diagnosis.diagnosis)},
          {"sentence", findings.diagnosis_sentence},
          {"advice", advice},
          {"pinned_by", held_json(ledger.pinned)},
          {"mapped_by", held_json(ledger.mappings)},
          {"files", files}};
}

Json verdict_of(const HtmlFindings& findings) {
  const SeriesVerdict& process = findings.verdict.process;
  Json verdict = verdict_json(process, TimeUnit::kHours);
  verdict["line"] = verdict_line(process, TimeUnit::kHours);
  std::ostringstream evidence;
  write_evidence(evidence, process, TimeUnit::kHours);
  verdict["evidence"] = evidence.str();
  verdict["next"] = findings.next_step;
  return verdict;
}

Json growing_json(const Snapshot& snapshot, const HtmlFindings& findings) {
  return column(findings.verdict.sites, [&snapshot](const SiteVerdict& one) {
    Json site = verdict_json(one.verdict, TimeUnit::kHours);
    site["site"] = one.site_index;
    site["growth_share"] = one.growth_share;
    site["live_words"] = live_words(snapshot, one);
    return site;
  });
}

Json losses_in_words(const Snapshot& snapshot) {
  Json words = Json::array();
  for (uint32_t i = 0; i < format::kLossCount; ++i) {
    if (snapshot.losses[i] == 0) continue;
    const auto loss = static_cast<format::Loss>(i);
    words.push_back({{"count", snapshot.losses[i]},
                     {"sentence", loss_sentence(loss)},
                     {"lost_event", is_lost_event(loss)}});
  }
  return words;
}

}  // namespace

Json html_timeline(const Snapshot& snapshot) {
  const std::vector<TimelinePoint>& all = snapshot.timeline;
  using Point = TimelinePoint;
  return {
      {"t_s", column(all, [](const Point& p) { return seconds(p.t_ns); })},
      {"rss_bytes",
       column(all, [](const Point& p) { return p.rss_bytes == 0 ? Json() : Json(p.rss_bytes); })},
      {"anon_bytes", column(all, [](const Point& p) { return p.anon_bytes; })},
      {"live_bytes", column(all, [](const Point& p) { return p.live_bytes; })},
      {"live_count", column(all, [](const Point& p) { return p.live_count; })},
      {"alloc_bytes", column(all, [](const Point& p) { return p.alloc_bytes; })},
      {"alloc_count", column(all, [](const Point& p) { return p.alloc_count; })},
      {"mapped_bytes", column(all, [](const Point& p) { return p.mapped_bytes; })}};
}

Json html_model(const Snapshot& snapshot, Symbolizer& symbolizer, const HtmlFindings& findings) {
  Json document{{"page", {{"kind", "report"}, {"version", kPageDataVersion}}}};
  document.update(report_head(snapshot));
  document["command"] = findings.command;
  document["losses_in_words"] = losses_in_words(snapshot);
  document["verdict"] = verdict_of(findings);
  document["verdict_series"] = {{"t_s", findings.verdict.series.t_s},
                                {"live_bytes", findings.verdict.series.live_bytes}};
  document["growing"] = growing_json(snapshot, findings);
  document["ledger"] = ledger_json(snapshot, findings);
  document["ledger_history"] = ledger_history_json(snapshot);
  document["timeline"] = html_timeline(snapshot);
  document["threads"] = report_threads(snapshot);
  document["modules"] = report_modules(snapshot);
  symbolizer.prepare([](const Site&) { return true; });
  HtmlStacks stacks(snapshot, symbolizer);
  document["sites"] = sites_json(snapshot, stacks);
  document["history"] = history_json(snapshot);
  const GrowthSpan span = growth_span(snapshot);
  document["growth_s"] = {seconds(span.from_ns), seconds(span.to_ns)};
  stacks.write(document);
  document["warnings"] = symbolizer.warnings();
  document["damage"] = snapshot.damage;
  return document;
}

}  // namespace mla
