#include "leaks_founding.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "commands.h"
#include "reader/names.h"
#include "report/units.h"
#include "series/founding_text.h"
#include "series/growth.h"
#include "words.h"

namespace mla {
namespace {

constexpr size_t kSitesShown = 10;
constexpr size_t kFramesShown = 12;

struct Finding {
  FoundingResult founding;
  std::string objection;  // why there is no verdict; empty otherwise
  std::vector<SiteGrowth> growing;
};

Finding judge(const Snapshot& snapshot, const FoundingThresholds& thresholds) {
  Finding finding;
  finding.founding = founding_rule(live_mib_on_grid(snapshot), thresholds);
  finding.objection = founding_objection(finding.founding, thresholds);
  for (const SiteGrowth& growth : site_growth(snapshot)) {
    if (growth.growth_bytes > 0 && growth.site_index < snapshot.sites.size()) {
      finding.growing.push_back(growth);
    }
  }
  return finding;
}

int exit_code_of(const Finding& finding) {
  if (!finding.objection.empty()) return kExitNotEnough;
  return finding.founding.notify ? kExitLeak : kExitOk;
}

const char* verdict(const Finding& finding) {
  if (!finding.objection.empty()) return "insufficient";
  return finding.founding.notify ? "leak" : "stable";
}

double seconds(uint64_t from_ns, uint64_t to_ns) {
  return to_ns > from_ns ? static_cast<double>(to_ns - from_ns) / 1e9 : 0;
}

void print_text(std::ostream& out, const Snapshot& snapshot, Symbolizer& symbolizer,
                const Finding& finding) {
  out << command_of(snapshot.process) << " (pid " << snapshot.process.pid << ", "
      << status_name(snapshot.status) << "), live bytes over "
      << human_seconds(seconds(0, snapshot.last_ns)) << " in MiB:\n"
      << founding_text(finding.founding) << "verdict by the founding rule: " << verdict(finding);
  if (!finding.objection.empty()) out << " (" << finding.objection << ")";
  out << '\n';
  if (finding.growing.empty()) {
    out << "no call site is known to have grown\n";
    return;
  }
  out << "\ncall sites that grew, largest growth first:\n";
  for (size_t i = 0; i < finding.growing.size() && i < kSitesShown; ++i) {
    const SiteGrowth& growth = finding.growing[i];
    const Site& site = snapshot.sites[growth.site_index];
    out << "  +" << human_bytes(static_cast<uint64_t>(growth.growth_bytes)) << " in "
        << human_seconds(seconds(growth.first_ns, growth.last_ns)) << " ("
        << (growth.rate_Bps < 0 ? "-" : "")
        << human_bytes(static_cast<uint64_t>(std::abs(growth.rate_Bps))) << "/s), live "
        << human_bytes(site.live_bytes) << " in "
        << counted(site.live_count, site.mapping ? "mapping" : "block") << '\n';
    out << "    " << one_line_stack(symbolizer, site, kFramesShown) << '\n';
  }
}

void print_json(std::ostream& out, const Snapshot& snapshot, Symbolizer& symbolizer,
                const Finding& finding) {
  const FoundingResult& r = finding.founding;
  const auto number = [](double value) {
    return std::isfinite(value) ? nlohmann::json(value) : nlohmann::json(nullptr);
  };
  nlohmann::ordered_json document;
  document["schema"] = {{"name", "mla-leaks"}, {"version", 1}};
  document["file"] = snapshot.path;
  document["pid"] = snapshot.process.pid;
  document["exe"] = snapshot.process.exe;
  document["status"] = status_name(snapshot.status);
  document["rule"] = "founding";
  document["verdict"] = verdict(finding);
  document["reason"] =
      finding.objection.empty() ? nlohmann::json(nullptr) : nlohmann::json(finding.objection);
  document["count"] = r.count;
  document["peak_value_mib"] = number(r.peak_value);
  document["if_overshoot"] = r.if_overshoot;
  document["overshoot_4"] = number(r.overshoot_4);
  document["overshoot_8"] = number(r.overshoot_8);
  document["notify"] = r.notify;
  document["sites"] = nlohmann::json::array();
  for (const SiteGrowth& growth : finding.growing) {
    const Site& site = snapshot.sites[growth.site_index];
    nlohmann::ordered_json entry{{"id", site.id},
                                 {"growth_bytes", growth.growth_bytes},
                                 {"rate_Bps", number(growth.rate_Bps)},
                                 {"seconds", seconds(growth.first_ns, growth.last_ns)},
                                 {"live_bytes", site.live_bytes},
                                 {"live_count", site.live_count},
                                 {"stack", nlohmann::json::array()}};
    for (const Frame* frame : symbolizer.stack_of(site).frames) {
      entry["stack"].push_back({{"function", frame_label(*frame)},
                                {"file", frame->file},
                                {"line", frame->line},
                                {"module", frame->module}});
    }
    document["sites"].push_back(std::move(entry));
  }
  out << document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
}

}  // namespace

int leaks_by_founding_rule(std::ostream& out, const Snapshot& snapshot, Symbolizer& symbolizer,
                           const FoundingThresholds& thresholds, bool json) {
  const Finding finding = judge(snapshot, thresholds);
  if (json) {
    print_json(out, snapshot, symbolizer, finding);
  } else {
    print_text(out, snapshot, symbolizer, finding);
  }
  return exit_code_of(finding);
}

}  // namespace mla
