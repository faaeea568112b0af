// What is different between two recordings, or between two moments of one.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "ledger/ledger.h"
#include "report/site_match.h"
#include "report/site_order.h"

namespace mla {

struct DiffSide {
  const Snapshot* snapshot = nullptr;
  uint64_t t_ns = 0;  // the figures are of this moment, since the start of the recording
  uint64_t live_bytes = 0;
  uint64_t live_count = 0;
  uint64_t alloc_bytes = 0;
  uint64_t alloc_count = 0;
  uint64_t mapped_bytes = 0;
  std::optional<uint64_t> peak_live_bytes;  // not of a moment
  std::optional<uint64_t> rss_bytes;        // the nearest that was noted
  std::optional<Ledger> ledger;             // the same
};

struct DiffRow {
  SiteMatch match;
  Site a;  // sums over the matched sites; all zero if there are none
  Site b;
  double live_se = 0;  // standard errors of the change, in bytes; 0: exact, or not known
  double alloc_se = 0;
};

// Of an estimate: the change is less than twice its standard error, and may be none.
struct Change {
  int64_t bytes = 0;  // B - A; blocks by SiteOrder::kCount
  double se = 0;      // 0: exact, or not known by this order
  bool within_error() const;
};

// Call sites of a moment that the recording noted only some of: what is known of the others.
struct Unnoted {
  uint64_t sites = 0;
  std::array<uint64_t, 2> most{};  // bytes: none of them held more, at either moment; 0: nothing
  int64_t bytes = 0;               // by which heap sites among them changed together
};

struct Diff {
  DiffSide a;
  DiffSide b;
  // Of one recording, by its history. Of call sites only what was alive is known then.
  bool moments = false;
  bool same_process = false;
  std::vector<DiffRow> rows;  // by the size of the change, largest first; unchanged ones, too
  Unnoted unnoted;            // of moments
};

// By what the rows are compared; se is known of kLive and kAllocated.
Change change_of(const DiffRow& row, SiteOrder order);
// Of the heap, together.
Change change_of_live(const Diff& diff);

// The sites of both at their ends: every site is in one row, so that the rows of the heap add up to
// the totals of both reports.
Diff diff_recordings(const RecordingNames& a, const RecordingNames& b, SiteOrder order);

// At 32 moments at most a recording notes the call sites that then hold most: of these moments
// those nearest to `from_ns` and `to_ns` are compared; the start and the end of the recording count
// as two more. `order` is kLive or kCount. Throws Error if they are the same moment.
Diff diff_moments(const Snapshot& snapshot, uint64_t from_ns, uint64_t to_ns, SiteOrder order);

}  // namespace mla
