#include "watch/rss_verdict.h"

#include <numeric>

namespace mla {

SeriesVerdict rss_verdict(std::span<const double> t_s, std::span<const double> rss_bytes) {
  SeriesVerdict v = series_verdict(t_s, rss_bytes);
  if (v.verdict != VerdictClass::kLeak) return v;
  const double mean =
      std::accumulate(rss_bytes.begin(), rss_bytes.end(), 0.0) / static_cast<double>(v.samples);
  const double growth = v.rate.value * (v.segment_end_s - v.segment_begin_s) / kSecondsPerHour;
  const bool day_seen = v.hours >= kFullDayHours;
  if (growth > (day_seen ? kMaterialShare : kEarlyShare) * mean) return v;
  if (day_seen) {
    v.verdict = VerdictClass::kStable;
    v.reason = "it grew by less than 2 % of its RSS";
  } else {
    v.verdict = VerdictClass::kInsufficient;
    v.reason = "it grew, but by less than 20 %, and no whole day was seen";
    v.more_hours = kFullDayHours - v.hours;
    v.then_detectable_bytes_per_hour = v.detectable_bytes_per_hour;
  }
  return v;
}

}  // namespace mla
