// The tables that refer to each other, in the order of their references: modules, nodes, sites.
#pragma once

#include <cstdint>
#include <vector>

#include "reader/damage.h"
#include "reader/image.h"
#include "reader/snapshot.h"

namespace mla {

inline constexpr uint32_t kNoIndex = UINT32_MAX;

// From an id of the file to an index of the Snapshot; kNoIndex: no such record.
using IdMap = std::vector<uint32_t>;

inline uint32_t lookup(const IdMap& map, uint32_t id) {
  return id < map.size() ? map[id] : kNoIndex;
}

// Counters of an honest file never wrap; those of a damaged one must not either.
inline uint64_t saturating_add(uint64_t a, uint64_t b) { return a + b < a ? UINT64_MAX : a + b; }
inline uint64_t clamped_subtract(uint64_t a, uint64_t b) { return a > b ? a - b : 0; }

IdMap decode_modules(const SegmentImage& image, std::vector<ModuleInfo>& modules,
                     DamageLog& damage);
// Equal code objects become one.
IdMap decode_python_codes(const SegmentImage& image, std::vector<PythonCode>& codes,
                          DamageLog& damage);
// Equal nodes (same parent, pc and module or code) become one.
IdMap decode_nodes(const SegmentImage& image, const IdMap& modules, const IdMap& codes,
                   std::vector<StackNode>& nodes, DamageLog& damage);
// Equal sites (same stacks and kind) become one. Counters are not yet in them.
IdMap decode_sites(const SegmentImage& image, const IdMap& nodes, std::vector<Site>& sites,
                   DamageLog& damage);

}  // namespace mla
