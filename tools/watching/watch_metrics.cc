#include "watching/watch_metrics.h"

#include <algorithm>
#include <chrono>

namespace mla {

std::vector<ProcessMetrics> watch_metrics(const Watcher& watcher) {
  using Seconds = std::chrono::duration<double>;
  const double now = Seconds(std::chrono::system_clock::now().time_since_epoch()).count();
  std::vector<const Worker*> workers;
  for (const auto& [number, worker] : watcher.workers()) {
    if (worker.alive) workers.push_back(&worker);
  }
  std::sort(workers.begin(), workers.end(),
            [](const Worker* a, const Worker* b) { return a->series.key < b->series.key; });
  std::vector<ProcessMetrics> all;
  for (const Worker* worker : workers) {
    const SeriesRecord& series = worker->series;
    ProcessMetrics& metrics = all.emplace_back();
    metrics.labels = {{"service", series.key.of.service},
                      {"host", series.key.of.host},
                      {"build", series.key.of.build},
                      {"pid", std::to_string(series.process.pid)}};
    metrics.rss_bytes = worker->last.rss_bytes;
    metrics.live_bytes = worker->last.live_bytes;
    metrics.ledger = worker->ledger;
    metrics.verdict = worker->judged;
    if (worker->verdict.n_eff > 0) {
      metrics.growth_bytes_per_s = worker->verdict.rate.value / kSecondsPerHour;
      metrics.leak_probability = worker->verdict.probability;
    }
    metrics.lost_events = worker->lost_events;
    metrics.sampling = worker->sampling;
    metrics.stop_reason = worker->stop_reason;
    metrics.sampled_unix_s = now;
  }
  return all;
}

}  // namespace mla
