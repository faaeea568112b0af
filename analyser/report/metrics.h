// Processes as metrics for Prometheus: OpenMetrics 1.0, and the older text format 0.0.4, which is
// what the node exporter's textfile collector and the push gateway read. docs/exports.md has the
// table of metrics.
//
// The two differ in what makes one unreadable to a parser of the other: OpenMetrics names a counter
// without its _total in TYPE and HELP, knows state sets and units, and ends with # EOF.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "reader/snapshot.h"

namespace mla {

enum class MetricsFormat { kOpenMetrics, kText };

// The media type of an answer in this format.
const char* content_type(MetricsFormat format);

struct ProcessMetrics {
  std::map<std::string, std::string> labels;  // service, host, build, pid: any text
  uint64_t rss_bytes = 0;                     // 0: not known
  std::optional<uint64_t> live_bytes;         // heap and mappings; of a recorded process
  std::map<std::string, uint64_t> ledger;     // bytes by bucket of the RSS ledger
  std::string verdict = "insufficient";       // of verdict_name()
  std::optional<double> growth_bytes_per_s;   // what the verdict found
  std::optional<double> leak_probability;     // 0 to 1
  std::optional<uint64_t> lost_events;        // of a recorded process
  std::string sampling;                       // of sampling_name(); empty: it is not recorded
  std::string stop_reason;                    // of stop_name(); empty: recording did not stop
  double sampled_unix_s = 0;                  // the moment the figures are of
};

std::string metrics_text(const std::vector<ProcessMetrics>& processes, MetricsFormat format);

// Of a recording; the verdict is the statistical one. The labels but the pid are the caller's.
ProcessMetrics metrics_of(const Snapshot& snapshot);

}  // namespace mla
