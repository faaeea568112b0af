// Prints the score table of call sites of docs/verdict.md. Arguments: seed, processes.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <vector>

#include "site_families.h"
#include "verdict/process_verdict.h"

namespace mla {
namespace {

struct FamilyScore {
  size_t sites = 0;
  std::map<VerdictClass, size_t> verdicts;
};

struct Score {
  std::vector<FamilyScore> families = std::vector<FamilyScore>(site_families().size());
  size_t sites = 0;
  size_t leaks = 0;
  size_t found = 0;
  size_t false_alarms = 0;  // healthy
  size_t ramps_called_leaks = 0;
  size_t processes_with_leaks = 0;
  size_t top_1 = 0;
  size_t top_3 = 0;
  std::vector<double> rate_errors;
};

void add_process(Score& score, const SimulatedProcess& process) {
  Snapshot snapshot;
  snapshot.census = process.census;
  snapshot.sites.resize(process.sites.size());
  for (size_t i = 0; i < process.sites.size(); ++i) {
    snapshot.sites[i].freed_count = process.sites[i].freed;
  }
  const std::vector<SiteVerdict> verdicts = site_verdicts(snapshot);
  std::map<uint32_t, const SiteVerdict*> judged;
  for (const SiteVerdict& site : verdicts) judged[site.site_index] = &site;
  bool leaks = false;
  for (uint32_t i = 0; i < process.sites.size(); ++i) {
    const SimulatedSite& site = process.sites[i];
    const SiteTruth truth = site_families()[site.family].truth;
    const auto entry = judged.find(i);
    const VerdictClass v =
        entry == judged.end() ? VerdictClass::kStable : entry->second->verdict.verdict;
    const bool called = v == VerdictClass::kLeak;
    ++score.sites;
    ++score.families[site.family].sites;
    ++score.families[site.family].verdicts[v];
    score.leaks += truth == SiteTruth::kLeaks;
    leaks = leaks || truth == SiteTruth::kLeaks;
    score.found += called && truth == SiteTruth::kLeaks;
    score.false_alarms += called && truth == SiteTruth::kHealthy;
    score.ramps_called_leaks += called && truth == SiteTruth::kRamps;
    if (called && truth == SiteTruth::kLeaks) {
      const double rate = entry->second->verdict.rate.value;
      score.rate_errors.push_back(std::abs(rate / site.leaked_bytes_per_hour - 1));
    }
  }
  if (!leaks) return;
  ++score.processes_with_leaks;
  for (size_t i = 0; i < std::min<size_t>(3, verdicts.size()); ++i) {
    const SimulatedSite& site = process.sites[verdicts[i].site_index];
    if (site_families()[site.family].truth != SiteTruth::kLeaks) continue;
    score.top_1 += i == 0;
    ++score.top_3;
    break;
  }
}

double share(size_t part, size_t whole) {
  return whole == 0 ? 1 : static_cast<double>(part) / static_cast<double>(whole);
}

void print(const Score& s) {
  std::printf("| family | sites | leak | still growing | insufficient | neither |\n");
  std::printf("|---|---|---|---|---|---|\n");
  for (size_t i = 0; i < s.families.size(); ++i) {
    auto verdicts = s.families[i].verdicts;
    const size_t leak = verdicts[VerdictClass::kLeak];
    const size_t growing = verdicts[VerdictClass::kGrowing];
    const size_t open = verdicts[VerdictClass::kInsufficient];
    std::printf("| %s | %zu | %zu | %zu | %zu | %zu |\n", site_families()[i].name.c_str(),
                s.families[i].sites, leak, growing, open,
                s.families[i].sites - leak - growing - open);
  }
  std::vector<double> errors = s.rate_errors;
  std::sort(errors.begin(), errors.end());
  std::printf("\n| measure | value | target |\n|---|---|---|\n");
  std::printf("| precision, pools that still ramp left out | %.3f | .95 |\n",
              share(s.found, s.found + s.false_alarms));
  std::printf("| precision, pools that still ramp counted as false | %.3f | |\n",
              share(s.found, s.found + s.false_alarms + s.ramps_called_leaks));
  std::printf("| recall | %.3f | .95 |\n", share(s.found, s.leaks));
  std::printf("| the first site is a leak | %.3f | .90 |\n",
              share(s.top_1, s.processes_with_leaks));
  std::printf("| one of the first three is | %.3f | .98 |\n",
              share(s.top_3, s.processes_with_leaks));
  std::printf("| median rate error | %.3f | .10 |\n",
              errors.empty() ? 0 : errors[errors.size() / 2]);
}

}  // namespace
}  // namespace mla

int main(int argc, char** argv) {
  if (argc != 3 && argc != 4) {
    std::fprintf(stderr, "usage: score_sites SEED PROCESSES [SAMPLING]\n");
    return 2;
  }
  mla::Score score;
  const uint64_t seed = std::strtoull(argv[1], nullptr, 10);
  const uint64_t sampling = argc == 4 ? std::strtoull(argv[3], nullptr, 10) : 0;
  for (uint64_t i = 0; i < std::strtoull(argv[2], nullptr, 10); ++i) {
    mla::add_process(score, mla::simulate_process(seed, i, sampling));
  }
  mla::print(score);
  return 0;
}
