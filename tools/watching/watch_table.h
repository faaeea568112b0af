// The processes watched, one a line.
#pragma once

#include <ostream>

#include "watch/watcher.h"

namespace mla {

void write_watch_table(std::ostream& out, const Watcher& watcher);

}  // namespace mla
