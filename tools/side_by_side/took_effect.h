// Whether a configuration really served the process that was measured.
#pragma once

#include <string>

#include "side_by_side/configurations.h"
#include "side_by_side/tree_sampler.h"

namespace mla {

// What was mapped by the process that held most memory, against what the configuration asks for:
// why it did not take effect; empty if it did. Of a process whose mappings could not be read, and
// that is no static program, nothing is said either.
std::string why_no_effect(const Configuration& configuration, const TreeSampler::Largest& largest);

}  // namespace mla
