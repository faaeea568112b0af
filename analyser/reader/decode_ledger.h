// The ledger of a segment: records over time, and what the last one says of sites and files.
#pragma once

#include <set>

#include "reader/decode_tables.h"

namespace mla {

// Indexes of the call sites that the last record names: they stay, even without an event.
std::set<uint32_t> sites_of_ledger(const SegmentImage& image, const IdMap& map);

// Fills Snapshot::ledger, held, files and trim. `moved`: from the index of `map` to the final one.
void decode_ledger(const SegmentImage& image, const IdMap& map, const IdMap& moved,
                   Snapshot& snapshot, DamageLog& damage);

}  // namespace mla
