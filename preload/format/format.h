// Umbrella of the segment format. Header-only, integers and atomics only, includes nothing of ours.
#pragma once

#include "format/layout.h"    // IWYU pragma: export
#include "format/ledger.h"    // IWYU pragma: export
#include "format/records.h"   // IWYU pragma: export
#include "format/timeline.h"  // IWYU pragma: export
