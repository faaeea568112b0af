#include "report/timeline_csv.h"

#include <array>
#include <cinttypes>
#include <cstdio>

namespace mla {
namespace {

// To the nanosecond, where a double has no more than microseconds of the Unix time.
std::string seconds(uint64_t ns) {
  constexpr uint64_t kSecond = 1'000'000'000;
  std::array<char, 48> text{};
  std::snprintf(text.data(), text.size(), "%" PRIu64 ".%09" PRIu64, ns / kSecond, ns % kSecond);
  return text.data();
}

}  // namespace

void write_timeline_csv(std::ostream& out, const Snapshot& snapshot) {
  out << "t_s,unix_s,rss_bytes,anon_bytes,live_bytes,live_count,alloc_bytes,alloc_count,"
         "mapped_bytes\n";
  for (const TimelinePoint& point : snapshot.timeline) {
    out << seconds(point.t_ns) << ',' << seconds(snapshot.process.start_realtime_ns + point.t_ns)
        << ',' << point.rss_bytes << ',' << point.anon_bytes << ',' << point.live_bytes << ','
        << point.live_count << ',' << point.alloc_bytes << ',' << point.alloc_count << ','
        << point.mapped_bytes << '\n';
  }
}

}  // namespace mla
