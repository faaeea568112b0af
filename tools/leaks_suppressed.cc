#include "leaks_suppressed.h"

#include <algorithm>

#include "report/units.h"
#include "report/utf8.h"

namespace mla {
namespace {

bool matches(const Suppression& suppression, const std::vector<const Frame*>& stack) {
  return std::any_of(stack.begin(), stack.end(), [&](const Frame* frame) {
    return suppression_matches(suppression.pattern, frame->function) ||
           suppression_matches(suppression.pattern, frame->file) ||
           suppression_matches(suppression.pattern, frame->module);
  });
}

std::string where(const Suppression& suppression) {
  std::string text = suppression.file;
  text += ':';
  text += std::to_string(suppression.line);
  text += " leak:";
  text += suppression.pattern;
  return printable(text);
}

}  // namespace

Suppressed find_suppressed(const Snapshot& snapshot, Symbolizer& symbolizer,
                           const std::vector<std::string>& files) {
  Suppressed found;
  for (const std::string& file : files) {
    for (Suppression& one : read_suppressions(file)) {
      found.patterns.push_back({std::move(one), 0, 0});
    }
  }
  found.pattern_of_site.resize(snapshot.sites.size());
  if (found.patterns.empty()) return found;
  std::vector<bool> has_history(snapshot.sites.size());
  for (const SiteHistory& history : snapshot.history) {
    if (history.site_index < has_history.size()) has_history[history.site_index] = true;
  }
  for (const SiteCohorts& cohorts : snapshot.census.sites) {
    if (cohorts.site_index < has_history.size()) has_history[cohorts.site_index] = true;
  }
  const auto adds = [&](const Site& site) {  // to some figure
    const auto index = static_cast<size_t>(&site - snapshot.sites.data());
    return site.live_bytes != 0 || has_history[index];
  };
  symbolizer.prepare(adds);
  for (size_t i = 0; i < snapshot.sites.size(); ++i) {
    const Site& site = snapshot.sites[i];
    if (!adds(site)) continue;
    const std::vector<const Frame*> stack = symbolizer.stack_of(site).frames;
    for (size_t p = 0; p < found.patterns.size(); ++p) {
      UsedSuppression& used = found.patterns[p];
      if (!matches(used.suppression, stack)) continue;
      found.pattern_of_site[i] = p;
      ++used.sites;
      used.live_bytes += site.live_bytes;
      break;
    }
  }
  return found;
}

void leave_out(const Snapshot& snapshot, const VerdictOptions& options, Suppressed& suppressed,
               ProcessVerdict& verdict) {
  std::vector<bool> sites;
  for (const std::optional<size_t>& pattern : suppressed.pattern_of_site) {
    sites.push_back(pattern.has_value());
  }
  suppressed.growth = leave_out(snapshot, sites, options, verdict);
}

void print_suppressed(std::ostream& out, const Suppressed& suppressed) {
  if (suppressed.patterns.empty()) return;
  size_t sites = 0;
  uint64_t bytes = 0;
  for (const UsedSuppression& used : suppressed.patterns) {
    sites += used.sites;
    bytes += used.live_bytes;
  }
  out << "\nsuppressed: " << counted(sites, "call site") << ", live " << human_bytes(bytes);
  const double share = suppressed.growth.growth_share;
  if (share > 0) {
    out << ", " << percent(static_cast<uint64_t>(std::min(share, 1.0) * 1000), 1000)
        << " of the growth";
  }
  out << (suppressed.growth.judged_rest ? "; the verdict is of the rest\n" : "\n");
  for (const UsedSuppression& used : suppressed.patterns) {
    if (used.sites == 0) continue;
    out << "  " << counted(used.sites, "call site") << ", " << human_bytes(used.live_bytes) << ": "
        << where(used.suppression) << '\n';
  }
  for (const UsedSuppression& used : suppressed.patterns) {
    if (used.sites == 0) out << "  matched nothing: " << where(used.suppression) << '\n';
  }
}

}  // namespace mla
