// Call sites: a native stack, mostly with a Python stack in Python, of one kind, with an id of
// their own.
#pragma once

#include <cstdint>

#include "format/format.h"

namespace mla {

// The site of a stack that allocates from the heap, or makes mappings; entered the first time it is
// seen. SiteId::kOverflow when the table is full.
format::SiteId heap_site_of(format::NodeId native);
format::SiteId heap_site_of(format::NodeId native, format::NodeId python);
format::SiteId mapping_site_of(format::NodeId native, format::NodeId python);

// In a forked child, see IdIndex.
void reset_sites_after_fork();

}  // namespace mla
