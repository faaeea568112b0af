// `mla stacks --json`, by docs/schema/stacks-v1.json.
#pragma once

#include <ostream>

#include "stacks/stacks.h"
#include "symbols/symbolizer.h"

namespace mla {

void write_stacks_json(std::ostream& out, const ProcessStacks& stacks, Symbolizer& symbolizer);

}  // namespace mla
