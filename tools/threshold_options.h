// The options of the founding thresholds, the same in every command that applies them.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "series/founding.h"

namespace mla {

void add_threshold_options(CLI::App& command, FoundingThresholds& thresholds);

// Excess_Ratio, for a command that can be given a series of yesterday.
void add_excess_option(CLI::App& command, FoundingThresholds& thresholds);

// Throws Error when one of the options above, or one named, is given without the founding rule.
void refuse_thresholds(const CLI::App& command, const std::vector<std::string>& others);

}  // namespace mla
