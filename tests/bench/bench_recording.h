// A recording in private memory, as libmla.so has one before it makes its file.
#pragma once

#include "capture/shard.h"

namespace mla {

// The shard of the main thread.
Shard& bench_shard();

}  // namespace mla
