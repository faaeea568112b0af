#include "leaks_hint.h"

#include <algorithm>

#include "report/units.h"
#include "verdict/busy_window.h"

namespace mla {
namespace {

constexpr double kShare = 0.1;     // of what there is to explain: less of it in arenas is no news
constexpr double kWarmUp = 0.125;  // of the run, at least

double to_explain(const Snapshot& snapshot, const SeriesVerdict& process) {
  if (process.verdict == VerdictClass::kLeak) return process.growth_bytes;
  if (process.verdict != VerdictClass::kRetention) return 0;
  uint64_t most = 0;
  for (const TimelinePoint& point : snapshot.timeline) most = std::max(most, point.rss_bytes);
  return static_cast<double>(most);
}

}  // namespace

std::string next_step(const Snapshot& snapshot, const ProcessVerdict& verdict) {
  if (snapshot.stop_reason != format::StopReason::kNone) {
    if (snapshot.status != ProcessStatus::kAlive) return "";
    return "what came later is in no figure: a stopped recording does not go on; remove the cause, "
           "and restart the process";
  }
  if (snapshot.sampling.is_off()) {
    if (snapshot.status != ProcessStatus::kAlive) return "";
    return "mla ctl " + std::to_string(snapshot.process.pid) +
           " --sample exact records again (or 512K: samples); what comes after that is judged";
  }
  const VerdictClass found = verdict.process.verdict;
  const bool open = found == VerdictClass::kLeak || found == VerdictClass::kInsufficient ||
                    found == VerdictClass::kRetention;
  if (!open || snapshot.process.python_mode != "frames") return "";
  const WorkWindow window = work_window(snapshot);
  uint64_t before = 0;
  uint64_t after = 0;
  // What is decided is decided of what came after the warm-up, in which every program's arenas
  // grow.
  const bool decided = found != VerdictClass::kInsufficient;
  const double warm_ns = std::max(verdict.process.segment_begin_s * 1e9,
                                  static_cast<double>(snapshot.last_ns) * kWarmUp);
  bool warm = !decided;  // already at the point before this one
  for (const LedgerPoint& point : snapshot.ledger) {
    if (point.t_ns <= window.begin_ns || !warm || before == 0) before = point.arena_bytes;
    warm = warm || static_cast<double>(point.t_ns) >= warm_ns;
    after = std::max(after, point.arena_bytes);
  }
  const bool grew = after > before && static_cast<double>(after - before) >=
                                          kShare * to_explain(snapshot, verdict.process);
  if (!grew && verdict.process.n_eff > 0) return "";
  // One that makes only small objects calls malloc too seldom to be seen at work.
  std::string step = grew ? "Python's arenas grew by " + human_bytes(after - before) +
                                ", and the small objects in them are"
                          : "Python's small objects are";
  step += " not recorded one by one: mla run --python objects";
  if (snapshot.status == ProcessStatus::kAlive) {
    step += ", or mla py " + std::to_string(snapshot.process.pid);
  }
  return step;
}

}  // namespace mla
