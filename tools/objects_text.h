// The objects of a Python process by type, for people and as JSON (docs/schema/py-v1.json).
#pragma once

#include <cstddef>
#include <ostream>

#include "reader/snapshot.h"

namespace mla {

inline constexpr int kObjectsSchemaVersion = 1;

struct ObjectsTextOptions {
  size_t rows = 20;  // types shown
  size_t width = 100;
  bool colour = false;
  bool fresh = true;  // counted just now, not at some time before
};

// snapshot.objects.counts must not be 0.
void write_objects_text(std::ostream& out, const Snapshot& snapshot,
                        const ObjectsTextOptions& options);
void write_objects_json(std::ostream& out, const Snapshot& snapshot);

}  // namespace mla
