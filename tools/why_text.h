// A ledger and its diagnosis, as a person reads them.
#pragma once

#include <optional>
#include <ostream>

#include "ledger/diagnosis.h"
#include "ledger/ledger.h"
#include "symbols/symbolizer.h"

namespace mla {

// What `--probe` found.
struct Probe {
  uint64_t rss_before = 0;
  uint64_t rss_after = 0;
  uint64_t took_ns = 0;
};

struct Explanation {
  Ledger ledger;
  Finding finding;
  bool live = false;    // RSS was read from the kernel now, not from the recording
  uint64_t now_ns = 0;  // of a live process, since the start of its recording
  std::optional<Probe> probe;
};

struct WhyTextOptions {
  size_t width = 100;  // columns; at least 60 are used
  bool colour = false;
  bool utf8 = false;
};

void write_why_text(std::ostream& out, const Snapshot& snapshot, Symbolizer& symbolizer,
                    const Explanation& explanation, const WhyTextOptions& options);

// What a row of the ledger is called, in at most 19 columns.
const char* bucket_label(BucketKind kind);

// The diagnosis in one sentence.
std::string sentence_of(const Snapshot& snapshot, const Explanation& explanation);

}  // namespace mla
