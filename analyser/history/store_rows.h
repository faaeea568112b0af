// What the parts of the store share: rows of its tables as values.
#pragma once

#include <string>

#include "history/database.h"
#include "history/store.h"

namespace mla {

inline constexpr int64_t kPageBytes = 4096;

// The step of a level that a time falls into.
int64_t step_of(double t, size_t level);

// The columns read_change() reads, from `first` on.
inline constexpr const char* kChangeColumns =
    "change.id, change.kind, change.t, change.wall_s, change.service, change.host, change.build, "
    "change.before, change.verdict, change.evidence, change.notified";
Change read_change(const Statement& row, int first);

MarkKind mark_kind(const std::string& name);

// The number a PRAGMA answers.
int64_t pragma(Database& database, const std::string& name);

}  // namespace mla
