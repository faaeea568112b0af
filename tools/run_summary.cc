#include "run_summary.h"

#include "reader/names.h"
#include "report/units.h"
#include "report/utf8.h"
#include "words.h"

namespace mla {
namespace {

constexpr size_t kCommandWidth = 60;
constexpr size_t kSitesShown = 3;
constexpr size_t kFramesShown = 3;

}  // namespace

void write_run_summary(std::ostream& out, const Snapshot& snapshot, const std::string& ended) {
  const Totals& totals = snapshot.totals;
  const ProcessInfo& process = snapshot.process;
  const char* about = snapshot.sampling.estimates ? "about " : "";
  out << "mla: " << cut_right(command_of(process), kCommandWidth) << " (pid " << process.pid << ") "
      << ended << '\n'
      << "mla: live " << about << human_bytes(totals.live_bytes) << " in " << about
      << counted(totals.live_count, "block") << ", peak " << human_bytes(totals.peak_live_bytes)
      << ", mapped " << human_bytes(totals.mapped_bytes) << "; " << about
      << counted(totals.alloc_count, "allocation") << " by " << process.allocator << ' '
      << process.allocator_version << '\n';
  if (snapshot.stop_reason != format::StopReason::kNone) {
    out << "mla: recording stopped early: "
        << stop_sentence(snapshot.stop_reason, snapshot.stop_errno) << '\n';
  }
  if (totals.lost_events != 0) {
    out << "mla: " << counted(totals.lost_events, "event") << " lost: in none of these figures\n";
  }
  Symbolizer symbolizer(snapshot);
  size_t shown = 0;
  for (const Site& site : snapshot.sites) {  // by live bytes
    if (shown == kSitesShown || site.live_bytes == 0) break;
    if (shown++ == 0) out << "mla: most live bytes at:\n";
    out << "  " << about << human_bytes(site.live_bytes) << " in "
        << counted(site.live_count, site.mapping ? "mapping" : "block") << ": "
        << one_line_stack(symbolizer, site, kFramesShown) << '\n';
  }
  out << "mla: more: mla report " << snapshot.path << '\n';
}

}  // namespace mla
