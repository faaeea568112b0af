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
constexpr uint64_t kGapCost = 20;  // two gaps are no better than the worst of sizes

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

using Pairs = std::vector<std::pair<size_t, size_t>>;

struct Step {
  uint64_t cost = std::numeric_limits<uint64_t>::max();
  size_t a = 0;  // the pair before; its own: none
  size_t b = 0;
};

struct Cost {
  uint64_t sizes = 0;
  uint64_t lines = 0;
  uint64_t all() const { return sizes + lines; }
};

uint64_t changed_distance(const LinedSite& a, const LinedSite& b, const LinedSite* a_before,
                          const LinedSite* b_before) {
  uint64_t lines = 0;
  for (size_t at = 0; at < a.lines.size(); ++at) {
    const int64_t last = a_before == nullptr ? 0 : moved(*a_before, *b_before, at);
    lines += static_cast<uint64_t>(std::abs(moved(a, b, at) - last));
  }
  return lines;
}

Cost cost_of(const std::vector<LinedSite>& a, const std::vector<LinedSite>& b, const Pairs& pairs) {
  Cost cost;
  for (size_t n = 0; n < pairs.size(); ++n) {
    const auto [i, k] = pairs[n];
    const LinedSite* a_before = n == 0 ? nullptr : &a[pairs[n - 1].first];
    const LinedSite* b_before = n == 0 ? nullptr : &b[pairs[n - 1].second];
    cost.sizes += size_cost(a[i].mean_bytes, b[k].mean_bytes);
    cost.lines += changed_distance(a[i], b[k], a_before, b_before);
  }
  cost.sizes += kGapCost * (a.size() + b.size() - 2 * pairs.size());
  return cost;
}

// The pairs of least cost, in order, at least one; both sides may have what is in none.
Pairs align(const std::vector<LinedSite>& a, const std::vector<LinedSite>& b) {
  std::vector<std::vector<Step>> best(a.size(), std::vector<Step>(b.size()));
  Step end;  // its cost is that of the whole
  for (size_t i = 0; i < a.size(); ++i) {
    for (size_t k = 0; k < b.size(); ++k) {
      Step& here = best[i][k];
      here = {changed_distance(a[i], b[k], nullptr, nullptr) + kGapCost * (i + k), i, k};
      for (size_t i0 = 0; i0 < i; ++i0) {
        for (size_t k0 = 0; k0 < k; ++k0) {
          const uint64_t cost = best[i0][k0].cost + changed_distance(a[i], b[k], &a[i0], &b[k0]) +
                                kGapCost * (i - i0 + k - k0 - 2);
          if (cost < here.cost) here = {cost, i0, k0};
        }
      }
      here.cost += size_cost(a[i].mean_bytes, b[k].mean_bytes);
      const uint64_t whole = here.cost + kGapCost * (a.size() - 1 - i + b.size() - 1 - k);
      if (whole < end.cost) end = {whole, i, k};
    }
  }
  Pairs pairs{{end.a, end.b}};
  for (;;) {
    const auto [i, k] = pairs.back();
    const Step& step = best[i][k];
    if (step.a == i) break;
    pairs.emplace_back(step.a, step.b);
  }
  std::reverse(pairs.begin(), pairs.end());
  return pairs;
}

// Of lists of one length.
Pairs pair_equal(const std::vector<LinedSite>& a, const std::vector<LinedSite>& b) {
  Pairs in_order;
  bool agree = true;
  for (size_t i = 0; i < a.size(); ++i) {
    in_order.emplace_back(i, i);
    if (!sizes_agree(a[i], b[i])) agree = false;
  }
  const size_t squared = a.size() * b.size();
  if (agree || squared > kMostSteps / (squared * (a.front().lines.size() + 1))) return in_order;
  Pairs aligned = align(a, b);
  const Cost without = cost_of(a, b, in_order);
  const Cost with = cost_of(a, b, aligned);
  // Distances alone take no pair apart: more lines between two sites say nothing about them.
  return with.sizes < without.sizes && with.all() < without.all() ? aligned : in_order;
}

}  // namespace

bool sizes_agree(const LinedSite& a, const LinedSite& b) {
  const auto [less, more] = std::minmax(a.mean_bytes, b.mean_bytes);
  return more < 2 * less || less == more;
}

std::optional<std::vector<std::pair<size_t, size_t>>> pair_lines(const std::vector<LinedSite>& a,
                                                                 const std::vector<LinedSite>& b) {
  std::vector<std::pair<size_t, size_t>> pairs;
  if (a.empty() || b.empty()) return pairs;
  if (a.size() == b.size()) return pair_equal(a, b);
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
