#include "report/stack_values.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "series/growth.h"

namespace mla {

std::string value_name(StackValue value) {
  switch (value) {
    case StackValue::kAllocated:
      return "allocated";
    case StackValue::kPeak:
      return "peak";
    case StackValue::kGrowth:
      return "growth";
    case StackValue::kLive:
      break;
  }
  return "live";
}

uint64_t StackCounts::bytes(StackValue value) const {
  switch (value) {
    case StackValue::kAllocated:
      return alloc_bytes;
    case StackValue::kPeak:
      return peak_bytes;
    case StackValue::kGrowth:
      return growth_bytes;
    case StackValue::kLive:
      break;
  }
  return live_bytes;
}

StackCounts& StackCounts::operator+=(const StackCounts& other) {
  alloc_count += other.alloc_count;
  alloc_bytes += other.alloc_bytes;
  live_count += other.live_count;
  live_bytes += other.live_bytes;
  peak_count += other.peak_count;
  peak_bytes += other.peak_bytes;
  growth_bytes += other.growth_bytes;
  return *this;
}

std::vector<StackCounts> site_counts(const Snapshot& snapshot) {
  const std::vector<std::optional<int64_t>> growth = growth_after_start(snapshot);
  std::vector<StackCounts> counts(snapshot.sites.size());
  for (size_t i = 0; i < counts.size(); ++i) {
    const Site& site = snapshot.sites[i];
    if (site.mapping) continue;
    const int64_t grown = std::max<int64_t>(growth[i].value_or(0), 0);
    counts[i] = {site.alloc_count,
                 site.alloc_bytes,
                 site.live_count,
                 site.live_bytes,
                 site.peak_count,
                 site.peak_bytes,
                 static_cast<uint64_t>(grown)};
  }
  return counts;
}

const char* instead_of_stack(const Site& site) {
  return site.overflow ? "[call sites without a record]" : "[no stack]";
}

std::vector<CountedStack> counted_stacks(const Snapshot& snapshot, Symbolizer& symbolizer,
                                         bool native) {
  const std::vector<StackCounts> of_site = site_counts(snapshot);
  symbolizer.prepare([](const Site& site) { return !site.mapping; });
  // Sites that differ in frames of the interpreter alone come together.
  std::map<std::pair<std::vector<const Frame*>, std::string>, size_t> known;
  std::vector<CountedStack> stacks;
  for (size_t i = 0; i < snapshot.sites.size(); ++i) {
    const Site& site = snapshot.sites[i];
    if (site.mapping) continue;
    const SiteStack whole = symbolizer.stack_of(site);
    auto frames = native ? whole.frames : without_interpreter(whole);
    const std::string instead = frames.empty() ? instead_of_stack(site) : "";
    const auto [at, is_new] = known.try_emplace({frames, instead}, stacks.size());
    if (is_new) stacks.push_back({std::move(frames), instead, {}});
    stacks[at->second].counts += of_site[i];
  }
  std::stable_sort(stacks.begin(), stacks.end(), [](const CountedStack& a, const CountedStack& b) {
    return a.counts.live_bytes > b.counts.live_bytes;
  });
  return stacks;
}

}  // namespace mla
