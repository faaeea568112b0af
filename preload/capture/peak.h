// What was alive when live bytes were highest, and the sums that this and the ticks need.
#pragma once

#include <cstdint>

#include "format/format.h"

namespace mla {

// Tells of the live bytes of the process. A new high is stored at once; its composition by site is
// stored when it is 1 % above the last one stored, at most as often as keeps the cost below 2 %.
void note_live_bytes(uint64_t live_bytes);

// Sums every site's live bytes and count over all shards into the peak table that is not published;
// returns that table, and in `sites` one past the highest site. Call with the TickLock held.
// False if there is no room.
bool sum_sites(format::Table& table, uint64_t& sites);

void reset_peak_after_fork();

}  // namespace mla
