// Call sites: a native stack (later with a Python stack) of one kind, with an id of their own.
#pragma once

#include "capture/shard.h"
#include "format/format.h"

namespace mla {

// The site of a stack; entered the first time it is seen. SiteId::kOverflow when the table is full.
format::SiteId site_of(Shard& shard, format::NodeId native, format::SiteKind kind);

// In a forked child, see IdIndex.
void reset_sites_after_fork();

}  // namespace mla
