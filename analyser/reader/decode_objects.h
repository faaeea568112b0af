// The last count of Python's objects in a segment.
#pragma once

#include "reader/damage.h"
#include "reader/image.h"
#include "reader/snapshot.h"

namespace mla {

void decode_objects(const SegmentImage& image, ObjectCounts& objects, DamageLog& damage);

}  // namespace mla
