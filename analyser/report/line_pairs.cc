#include "report/line_pairs.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>

namespace mla {

namespace {

constexpr size_t kMostSteps = 20'000'000;  // some 0.1 s

constexpr double kSizeCost = 4;  // in lines; see the header
constexpr double kFactorCost = 8;
constexpr double kMostSizeCost = 40;

struct Best {
  uint64_t cost = std::numeric_limits<uint64_t>::max();
  size_t before = 0;  // the choice for the element before
  bool tie = false;
};

int64_t moved(const LinedSite& from, const LinedSite& to, size_t i) {
  return static_cast<int64_t>(to.lines[i]) - static_cast<int64_t>(from.lines[i]);
}

uint64_t size_cost(double a, double b) {
  if (a == b) return 0;
  const double factors = a > 0 && b > 0 ? std::abs(std::log2(a / b)) : kMostSizeCost;
  return static_cast<uint64_t>(std::min(kMostSizeCost, kSizeCost + kFactorCost * factors));
}

// Each of `few` gets one of `many`, in order.
std::optional<std::vector<size_t>> choose(const std::vector<LinedSite>& few,
                                          const std::vector<LinedSite>& many) {
  const size_t spare = many.size() - few.size();
  const size_t steps = few.size() * (spare + 1) * (spare + 1);
  if (steps > kMostSteps / (few.front().lines.size() + 1)) return std::nullopt;
  // best[i][k]: of the first i + 1, the last of which gets many[i + k].
  std::vector<std::vector<Best>> best(few.size(), std::vector<Best>(spare + 1));
  for (size_t i = 0; i < few.size(); ++i) {
    for (size_t k = 0; k <= spare; ++k) {
      Best& here = best[i][k];
      for (size_t before = 0; before <= (i == 0 ? 0 : k); ++before) {
        uint64_t cost = size_cost(few[i].mean_bytes, many[i + k].mean_bytes);
        if (i != 0) cost += best[i - 1][before].cost;
        for (size_t at = 0; at < few[i].lines.size(); ++at) {
          const int64_t now = moved(few[i], many[i + k], at);
          const int64_t last = i == 0 ? 0 : moved(few[i - 1], many[i - 1 + before], at);
          cost += static_cast<uint64_t>(std::abs(now - last));
        }
        const bool tie = i != 0 && best[i - 1][before].tie;
        if (cost < here.cost) {
          here = {cost, before, tie};
        } else if (cost == here.cost) {
          here.tie = true;
        }
      }
    }
  }
  size_t last = 0;
  bool tie = false;
  for (size_t k = 1; k <= spare; ++k) {
    const uint64_t least = best.back()[last].cost;
    if (best.back()[k].cost == least) tie = true;
    if (best.back()[k].cost < least) {
      last = k;
      tie = false;
    }
  }
  if (tie || best.back()[last].tie) return std::nullopt;
  std::vector<size_t> chosen(few.size());
  for (size_t i = few.size(); i-- > 0;) {
    chosen[i] = i + last;
    last = best[i][last].before;
  }
  return chosen;
}

}  // namespace

std::optional<std::vector<std::pair<size_t, size_t>>> pair_lines(const std::vector<LinedSite>& a,
                                                                 const std::vector<LinedSite>& b) {
  std::vector<std::pair<size_t, size_t>> pairs;
  if (a.empty() || b.empty()) return pairs;
  if (a.size() == b.size()) {
    for (size_t i = 0; i < a.size(); ++i) pairs.emplace_back(i, i);
    return pairs;
  }
  const bool a_is_few = a.size() < b.size();
  const auto chosen = a_is_few ? choose(a, b) : choose(b, a);
  if (!chosen) return std::nullopt;
  for (size_t i = 0; i < chosen->size(); ++i) {
    const size_t other = (*chosen)[i];
    pairs.emplace_back(a_is_few ? i : other, a_is_few ? other : i);
  }
  return pairs;
}

}  // namespace mla
