#include "watching/watch_table.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <vector>

#include "report/units.h"
#include "report/verdict_text.h"

namespace mla {

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
    std::snprintf(line.data(), line.size(), "%8s %10s %12s %13s  %-12s %14s  ", pid.c_str(),
                  rss.c_str(), live.c_str(), seen.c_str(), verdict.c_str(), rate.c_str());
    out << line.data();
  };
  print("PID", "RSS", "LIVE", "SEEN", "VERDICT", "RATE");
  out << "SERVICE\n";
  for (const Worker* worker : workers) {
    const SeriesRecord& series = worker->series;
    print(
        std::to_string(series.process.pid), human_bytes(worker->last.rss_bytes),
        worker->last.live_bytes ? human_bytes(*worker->last.live_bytes) : "not recorded",
        human_seconds(series.last_t - series.lifetime_t), worker->judged,
        has_rate(worker->verdict) ? human_rate(worker->verdict.rate.value, TimeUnit::kHours) : "-");
    out << series.key.of.service << '\n';
  }
}

}  // namespace mla
