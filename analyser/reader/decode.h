// From the raw records of a segment to the tables of a Snapshot. Every id is checked before use.
#pragma once

#include "reader/damage.h"
#include "reader/image.h"
#include "reader/snapshot.h"

namespace mla {

// Fills everything of `snapshot` but path, status and status_detail.
void decode(const SegmentImage& image, Snapshot& snapshot, DamageLog& damage);

}  // namespace mla
