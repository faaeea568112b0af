#include "leaks_hint.h"

#include <algorithm>

#include "report/units.h"
#include "verdict/busy_window.h"

namespace mla {

std::string next_step(const Snapshot& snapshot, const ProcessVerdict& verdict) {
  const VerdictClass found = verdict.process.verdict;
  const bool open = found == VerdictClass::kLeak || found == VerdictClass::kInsufficient ||
                    found == VerdictClass::kRetention;
  if (!open || snapshot.process.python_mode != "frames") return "";
  const WorkWindow window = work_window(snapshot);
  uint64_t before = 0;
  uint64_t after = 0;
  for (const LedgerPoint& point : snapshot.ledger) {
    if (point.t_ns <= window.begin_ns || before == 0) before = point.arena_bytes;
    after = std::max(after, point.arena_bytes);
  }
  const bool grew = after > before;
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
