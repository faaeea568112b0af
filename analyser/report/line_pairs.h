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

// Whether the mean sizes differ by less than a factor of two.
bool sizes_agree(const LinedSite& a, const LinedSite& b);

// Pairs of indexes. Both lists are sorted by lines, hold no vector twice, and all vectors are of
// one length. What pairs cost: the lines by which the distance changes from one pair to the next,
// starting from 0, and for each pair whose allocations differ in size 4 lines and 8 more for each
// factor of two, up to 40.
//
// Of lists of one length the pairs are those of equal index. But where the sizes of some of them do
// not agree, those of least cost may take their place, which leave as many of both lists without a
// partner, each at 20 lines: only if they cost less both with the distances and without.
// Else there are as many pairs as the shorter list has elements, those of least cost. nullopt if
// two choices cost the same, or there are too many to look at.
std::optional<std::vector<std::pair<size_t, size_t>>> pair_lines(const std::vector<LinedSite>& a,
                                                                 const std::vector<LinedSite>& b);

}  // namespace mla
