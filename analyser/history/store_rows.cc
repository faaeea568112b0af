#include "history/store_rows.h"

#include <cmath>

namespace mla {
namespace {

ChangeKind change_kind(const std::string& name) {
  for (const ChangeKind kind : {ChangeKind::kDay, ChangeKind::kRelease}) {
    if (name == change_name(kind)) return kind;
  }
  return ChangeKind::kVerdict;
}

}  // namespace

const char* mark_name(MarkKind kind) {
  switch (kind) {
    case MarkKind::kStart:
      return "start";
    case MarkKind::kEnd:
      return "end";
    case MarkKind::kClock:
      return "clock";
    case MarkKind::kLost:
      return "lost";
    case MarkKind::kUndelivered:
      return "undelivered";
  }
  return "";
}

const char* change_name(ChangeKind kind) {
  switch (kind) {
    case ChangeKind::kVerdict:
      return "verdict";
    case ChangeKind::kDay:
      return "day";
    case ChangeKind::kRelease:
      return "release";
  }
  return "";
}

int64_t step_of(double t, size_t level) {
  return static_cast<int64_t>(std::floor(t / static_cast<double>(kLevels[level].step_s)));
}

MarkKind mark_kind(const std::string& name) {
  for (const MarkKind kind : {MarkKind::kStart, MarkKind::kEnd, MarkKind::kClock, MarkKind::kLost,
                              MarkKind::kUndelivered}) {
    if (name == mark_name(kind)) return kind;
  }
  return MarkKind::kLost;
}

Change read_change(const Statement& row, int first) {
  Change change;
  change.id = row.integer(first);
  change.kind = change_kind(row.text(first + 1));
  change.t = row.real(first + 2);
  change.wall_s = row.real(first + 3);
  change.of = {row.text(first + 4), row.text(first + 5), row.text(first + 6)};
  change.before = row.text(first + 7);
  change.verdict = row.text(first + 8);
  change.evidence = row.text(first + 9);
  change.notified = row.integer(first + 10) != 0;
  return change;
}

int64_t pragma(Database& database, const std::string& name) {
  Statement row = database.query("PRAGMA " + name);
  return row.step() ? row.integer(0) : 0;
}

}  // namespace mla
