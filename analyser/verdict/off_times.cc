#include "verdict/off_times.h"

#include <algorithm>

#include "verdict/busy_window.h"

namespace mla {
namespace {

void leave_open(SeriesVerdict& verdict, const char* reason) {
  verdict.verdict = VerdictClass::kInsufficient;
  verdict.probability = SeriesVerdict{}.probability;
  verdict.reason = reason;
  verdict.more_hours.reset();
  verdict.tolerated = false;
}

double growth(const std::vector<double>& values) {
  const size_t eighth = std::max<size_t>(values.size() / 8, 1);
  double sum = 0;
  for (size_t i = 0; i < eighth && i < values.size(); ++i) {
    sum += values[values.size() - 1 - i] - values[i];
  }
  return sum / static_cast<double>(eighth);
}

// After blocks that are not known were freed, known ones may take their place.
bool takes_unknown_place(const LiveSeries& series) {
  return !series.rss_bytes.empty() && growth(series.rss_bytes) < growth(series.live_bytes) / 2;
}

uint64_t not_alive(const TimelinePoint& point) {
  return point.anon_bytes - std::min(point.anon_bytes, point.live_bytes + point.mapped_bytes);
}

bool grew_unknown(const Snapshot& snapshot) {
  constexpr uint64_t kLeast = 8 << 20;
  constexpr uint64_t kLeastShare = 10;
  uint64_t before = 0;
  for (const TimelinePoint& point : snapshot.timeline) {
    if (point.t_ns <= snapshot.sampling.off_first_ns) before = not_alive(point);
  }
  if (snapshot.timeline.empty()) return false;
  const TimelinePoint& last = snapshot.timeline.back();
  const uint64_t now = not_alive(last);
  return now > before + std::max(kLeast, last.anon_bytes / kLeastShare);
}

}  // namespace

void heed_off_times(const Snapshot& snapshot, ProcessVerdict& found) {
  const SamplingInfo& sampling = snapshot.sampling;
  if (!sampling.was_off()) return;
  SeriesVerdict& verdict = found.process;
  if (verdict.verdict == VerdictClass::kLeak) {
    if (sampling.is_off()) {
      verdict.reason += "; that was before recording was switched off";
    } else if (takes_unknown_place(found.series)) {
      leave_open(verdict,
                 "recording was off: what is alive grows and resident memory does not, so it may "
                 "take the place of blocks that are not known");
      for (SiteVerdict& site : found.sites) {  // cohorts see that blocks stay, a history does not
        const bool by_history = site.verdict.verdict == VerdictClass::kLeak && !site.cohorts;
        if (by_history) leave_open(site.verdict, "it may take the place of unknown blocks");
      }
    }
    return;
  }
  if (sampling.is_off()) {
    leave_open(verdict, "recording is off: blocks that are allocated now are not known");
    return;
  }
  const uint64_t end_ns = sampling.off_end_ns;
  const bool is_short = snapshot.last_ns - std::min(snapshot.last_ns, end_ns) < end_ns;
  if (verdict.verdict == VerdictClass::kInsufficient) {
    verdict.reason += "; only what came after recording was off is judged";
  } else if (verdict.verdict == VerdictClass::kRetention || (is_short && grew_unknown(snapshot))) {
    leave_open(verdict,
               "recording was off: what is resident may be blocks that were allocated then and "
               "are not known");
  }
}

}  // namespace mla
