// All runs of a benchmark: every configuration once a round, in an order shuffled anew.
#pragma once

#include <vector>

#include "comparison/benchmark.h"
#include "side_by_side/configurations.h"
#include "side_by_side/trial.h"

namespace mla {

// Fills in what the runs gave: configurations' runs and problems, notes, rounds begun. Stops before
// benchmark.rounds_asked when the intervals are tight. A configuration that fails, or that does not
// take effect, is told on standard error at once and left out from then on. Returns the signal that
// interrupted the rounds, or 0. `show_progress`: a line on standard error, which is a terminal.
int run_rounds(const TrialSettings& settings, const std::vector<Configuration>& configurations,
               bool show_progress, Benchmark& benchmark);

}  // namespace mla
