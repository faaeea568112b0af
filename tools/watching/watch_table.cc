#include "watching/watch_table.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "report/units.h"
#include "report/verdict_text.h"

namespace mla {
namespace {

// The sites of the worker of each service that leaks fastest, and how many were not recorded.
void write_remarks(std::ostream& out, const std::vector<const Worker*>& workers) {
  std::map<ServiceKey, const Worker*> worst;
  size_t unrecorded = 0;
  for (const Worker* worker : workers) {
    if (!worker->last.live_bytes) ++unrecorded;
    if (worker->judged != "leak" || worker->sites.empty()) continue;
    const Worker*& known = worst[worker->series.key.of];
    if (known == nullptr || known->verdict.rate.value < worker->verdict.rate.value) known = worker;
  }
  for (const auto& [service, worker] : worst) {
    out << "\n" << service.service << ", pid " << worker->series.process.pid << ", leaks in\n";
    for (const SiteEvidence& site : worker->sites) {
      out << "  " << human_rate(site.bytes_per_hour, TimeUnit::kHours) << "  " << site.stack
          << '\n';
    }
  }
  if (unrecorded > 0) {
    out << '\n'
        << unrecorded << (unrecorded == 1 ? " process is" : " processes are")
        << " not recorded: judged by RSS alone, without call sites\n";
  }
}

}  // namespace

void write_watch_table(std::ostream& out, const Watcher& watcher) {
  std::vector<const Worker*> workers;
  for (const auto& [number, worker] : watcher.workers()) {
    if (worker.alive) workers.push_back(&worker);
  }
  if (workers.empty()) {
    out << "no process of these runs now\n";
    return;
  }
  std::sort(workers.begin(), workers.end(),
            [](const Worker* a, const Worker* b) { return a->series.key < b->series.key; });
  std::array<char, 160> line{};
  const auto print = [&](const std::string& pid, const std::string& rss, const std::string& live,
                         const std::string& seen, const std::string& verdict,
                         const std::string& rate) {
    std::snprintf(line.data(), line.size(), "%7s %10s %10s %11s  %-12s %12s  ", pid.c_str(),
                  rss.c_str(), live.c_str(), seen.c_str(), verdict.c_str(), rate.c_str());
    out << line.data();
  };
  print("PID", "RSS", "LIVE+MAP", "SEEN", "VERDICT", "RATE");
  out << "SERVICE\n";
  for (const Worker* worker : workers) {
    const SeriesRecord& series = worker->series;
    print(
        std::to_string(series.process.pid), human_bytes(worker->last.rss_bytes),
        worker->last.live_bytes ? human_bytes(*worker->last.live_bytes) : "-",
        human_seconds(series.last_t - series.lifetime_t), worker->judged,
        has_rate(worker->verdict) ? human_rate(worker->verdict.rate.value, TimeUnit::kHours) : "-");
    out << series.key.of.service << '\n';
  }
  write_remarks(out, workers);
}

}  // namespace mla
