// Figures drawn with characters.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "ledger/ledger.h"
#include "top/line.h"

namespace mla {

// So many cells for each share, together `cells` (all 0 when the shares are), by the method of
// largest remainders: none is off by a whole cell.
std::vector<size_t> share_out(const std::vector<uint64_t>& shares, size_t cells);

// The buckets of RSS in a few groups a person can tell apart in one line.
struct LedgerGroup {
  const char* name;  // "live", "kept free", ...
  uint64_t bytes = 0;
  TextStyle style = TextStyle::kPlain;
  const char* utf8;  // what its part of the bar is drawn with
  const char* ascii;
};
// Those that hold something, in a fixed order; a residual above 0 is "other".
std::vector<LedgerGroup> ledger_groups(const Ledger& ledger);

// A bar of `width` cells in which each group has its share.
Line ledger_bar(const std::vector<LedgerGroup>& groups, size_t width, bool utf8);

// "live 61 %  kept free 20 %  ...", the largest first, each with the sign it has in the bar;
// what has less than a hundredth is left out.
Line ledger_legend(const std::vector<LedgerGroup>& groups, bool utf8);

// The text for a terminal without UTF-8: blocks and marks as what looks like them, the rest as '?'.
std::string in_ascii(const std::string& utf8);

}  // namespace mla
