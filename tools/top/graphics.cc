#include "top/graphics.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace mla {

std::vector<size_t> share_out(const std::vector<uint64_t>& shares, size_t cells) {
  std::vector<size_t> result(shares.size(), 0);
  double all = 0;
  for (const uint64_t share : shares) all += static_cast<double>(share);
  if (all == 0) return result;
  std::vector<std::pair<double, size_t>> remainders;
  size_t given = 0;
  for (size_t i = 0; i < shares.size(); ++i) {
    const double exact = static_cast<double>(shares[i]) / all * static_cast<double>(cells);
    result[i] = static_cast<size_t>(exact);
    given += result[i];
    remainders.emplace_back(exact - static_cast<double>(result[i]), i);
  }
  std::stable_sort(remainders.begin(), remainders.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  for (size_t i = 0; given < cells && i < remainders.size(); ++i, ++given) {
    ++result[remainders[i].second];
  }
  return result;
}

std::vector<LedgerGroup> ledger_groups(const Ledger& ledger) {
  const auto sum = [&ledger](std::initializer_list<BucketKind> kinds) {
    uint64_t bytes = 0;
    for (const BucketKind kind : kinds) bytes += ledger.bucket(kind);
    return bytes;
  };
  using enum BucketKind;
  std::vector<LedgerGroup> groups{
      {"live", sum({kLive, kRounding, kMetadata}), TextStyle::kGood, "█", "#"},
      {"kept free", sum({kFree}), TextStyle::kBad, "░", "."},
      {"pinned", sum({kPinned}), TextStyle::kWarn, "▒", ":"},
      {"python", sum({kPythonLive, kPythonFree, kPythonArenas}), TextStyle::kHeading, "▓", "="},
      {"mappings", sum({kMappings}), TextStyle::kPlain, "▚", "%"},
      {"stacks", sum({kStacks}), TextStyle::kPlain, "╱", "/"},
      {"files", sum({kFiles, kShared}), TextStyle::kDim, "▤", "-"},
      {"mla", sum({kMla}), TextStyle::kDim, "▥", "m"},
      {"other",
       ledger.residual_bytes > 0 ? static_cast<uint64_t>(ledger.residual_bytes) : uint64_t{0},
       TextStyle::kDim, "?", "?"}};
  std::erase_if(groups, [](const LedgerGroup& group) { return group.bytes == 0; });
  return groups;
}

Line ledger_bar(const std::vector<LedgerGroup>& groups, size_t width, bool utf8) {
  std::vector<uint64_t> shares;
  for (const LedgerGroup& group : groups) shares.push_back(group.bytes);
  const std::vector<size_t> cells = share_out(shares, width);
  Line line;
  for (size_t i = 0; i < groups.size(); ++i) {
    std::string part;
    for (size_t cell = 0; cell < cells[i]; ++cell) part += utf8 ? groups[i].utf8 : groups[i].ascii;
    line.add(part, groups[i].style);
  }
  return line;
}

Line ledger_legend(const std::vector<LedgerGroup>& groups, bool utf8) {
  std::vector<const LedgerGroup*> order;
  uint64_t all = 0;
  for (const LedgerGroup& group : groups) {
    order.push_back(&group);
    all += group.bytes;
  }
  std::stable_sort(order.begin(), order.end(),
                   [](const LedgerGroup* a, const LedgerGroup* b) { return a->bytes > b->bytes; });
  Line line;
  for (const LedgerGroup* group : order) {
    const double share = 100 * static_cast<double>(group->bytes) / static_cast<double>(all);
    if (share < 1) break;
    line.add(line.spans().empty() ? "" : "  ");
    line.add(utf8 ? group->utf8 : group->ascii, group->style);
    line.add(std::string(" ").append(group->name).append(" "));
    line.add(std::to_string(std::lround(share)).append(" %"));
  }
  return line;
}

std::string in_ascii(const std::string& utf8) {
  static constexpr std::pair<std::string_view, char> kAlike[] = {
      {"…", '~'}, {"▸", '>'}, {"▾", 'v'}, {"▼", 'v'}, {"─", '-'}, {"·", '.'}};
  std::string result;
  for (size_t i = 0; i < utf8.size();) {
    if (static_cast<unsigned char>(utf8[i]) < 0x80) {
      result += utf8[i++];
      continue;
    }
    size_t length = 1;
    while (i + length < utf8.size() &&
           (static_cast<unsigned char>(utf8[i + length]) & 0xc0) == 0x80) {
      ++length;
    }
    const std::string_view one = std::string_view(utf8).substr(i, length);
    const auto* alike = std::find_if(std::begin(kAlike), std::end(kAlike),
                                     [one](const auto& pair) { return pair.first == one; });
    // As many columns as it had, so that what follows stays in its place.
    result +=
        alike != std::end(kAlike) ? std::string(1, alike->second) : std::string(columns(one), '?');
    i += length;
  }
  return result;
}

}  // namespace mla
