// The options of the founding thresholds, the same in every command that applies them.
#pragma once

#include <CLI/CLI.hpp>

#include "series/founding.h"

namespace mla {

void add_threshold_options(CLI::App& command, FoundingThresholds& thresholds);

// Excess_Ratio, for a command that can be given a series of yesterday.
void add_excess_option(CLI::App& command, FoundingThresholds& thresholds);

}  // namespace mla
