// The last census of live blocks of a segment.
#pragma once

#include "reader/decode_tables.h"

namespace mla {

// The census itself, without its sites.
Census census_of(const format::CohortCensus& census);

// One site of it; `site_index` is the caller's.
SiteCohorts cohorts_of(const format::CohortCensus& census, const format::CohortRecord& record);

// Fills Snapshot::census. `moved`: from the index of `map` to the final one.
void decode_cohorts(const SegmentImage& image, const IdMap& map, const IdMap& moved,
                    Snapshot& snapshot, DamageLog& damage);

}  // namespace mla
