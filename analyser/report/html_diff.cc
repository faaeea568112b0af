#include "report/html_diff.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "report/diff_json.h"
#include "report/html_model.h"
#include "report/html_page.h"
#include "report/html_stacks.h"

namespace mla {

namespace {

using Json = nlohmann::ordered_json;

Json sites_json(const Diff& diff, Symbolizer& a, Symbolizer& b, HtmlStacks& stacks) {
  Json sites;
  for (const char* column : {"stack", "brief"}) sites[column] = Json::array();
  for (const DiffRow& row : diff.rows) {
    const bool in_b = !row.match.b.empty();
    const Snapshot& snapshot = in_b ? *diff.b.snapshot : *diff.a.snapshot;
    const uint32_t index = in_b ? row.match.b.front() : row.match.a.front();
    const SiteStack whole = (in_b ? b : a).stack_of(snapshot.sites[index]);
    sites["stack"].push_back(stacks.stack(whole.frames));
    sites["brief"].push_back(stacks.stack(without_interpreter(whole)));
  }
  const auto add = [&](const char* name, auto value) {
    Json& column = sites[name] = Json::array();
    for (const DiffRow& row : diff.rows) column.push_back(value(row));
  };
  using Row = DiffRow;
  add("mapping", [](const Row& r) { return r.a.mapping || r.b.mapping ? 1 : 0; });
  add("overflow", [](const Row& r) { return r.a.overflow || r.b.overflow ? 1 : 0; });
  add("match", [](const Row& r) { return static_cast<int>(r.match.kind); });
  add("change_se", [](const Row& r) { return std::round(r.live_se); });
  add("within_error",
      [](const Row& r) { return change_of(r, SiteOrder::kLive).within_error() ? 1 : 0; });
  add("a_sites", [](const Row& r) { return r.match.a.size(); });
  add("b_sites", [](const Row& r) { return r.match.b.size(); });
  add("a_live_bytes", [](const Row& r) { return r.a.live_bytes; });
  add("b_live_bytes", [](const Row& r) { return r.b.live_bytes; });
  add("a_live_count", [](const Row& r) { return r.a.live_count; });
  add("b_live_count", [](const Row& r) { return r.b.live_count; });
  add("a_alloc_bytes", [](const Row& r) { return r.a.alloc_bytes; });
  add("b_alloc_bytes", [](const Row& r) { return r.b.alloc_bytes; });
  return sites;
}

}  // namespace

Json html_diff(const Diff& diff, Symbolizer& a, Symbolizer& b,
               const std::array<std::string, 2>& commands) {
  Json document{{"page", {{"kind", "diff"}, {"version", kPageDataVersion}}}};
  document.update(diff_head(diff));
  HtmlStacks stacks(*diff.b.snapshot, b);  // of those of A, too
  document["sites"] = sites_json(diff, a, b, stacks);
  stacks.write(document);
  document["match_kinds"] = Json::array();
  for (size_t i = 0; i < kMatchKinds; ++i) {
    document["match_kinds"].push_back(match_kind_name(static_cast<MatchKind>(i)));
  }
  const auto add = [&document](const char* side, const std::string& command,
                               const Snapshot& snapshot, const Symbolizer& names) {
    document[side]["command"] = command;
    document[side]["timeline"] = html_timeline(snapshot);
    document[side]["warnings"] = names.warnings();
  };
  add("a", commands[0], *diff.a.snapshot, a);
  add("b", commands[1], *diff.b.snapshot, b);
  return document;
}

}  // namespace mla
