// What mla watch knows of its processes, as metrics.
#pragma once

#include <vector>

#include "report/metrics.h"
#include "watch/watcher.h"

namespace mla {

// Of the processes that are alive, in order of their services.
std::vector<ProcessMetrics> watch_metrics(const Watcher& watcher);

}  // namespace mla
