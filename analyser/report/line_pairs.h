// Which of several lines of one function, or of one chain of functions, became which.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace mla {

using LineVector = std::vector<uint32_t>;  // of one stack, outermost frame first

struct LinedSite {
  LineVector lines;
  double mean_bytes = 0;  // of an allocation
};

// Pairs of indexes: as many as the shorter list has elements. Both lists are sorted by lines, hold
// no vector twice, and all vectors are of one length. Of lists of one length the pairs are those of
// equal index. Else they are those of least cost: the lines by which the distance changes from one
// pair to the next, starting from 0, and for each pair whose allocations differ in size 4 lines
// and 8 more for each factor of two, up to 40. nullopt if two choices cost the same, or there are
// too many to look at.
std::optional<std::vector<std::pair<size_t, size_t>>> pair_lines(const std::vector<LinedSite>& a,
                                                                 const std::vector<LinedSite>& b);

}  // namespace mla
