// What the HTML report shows of a recording, in a form that stays small with 100,000 call sites:
// strings, frames and stacks stand once, in tables, and refer to each other by index; lists of
// records are objects of columns. tools/web/src/model.ts is the reader.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "ledger/diagnosis.h"
#include "ledger/ledger.h"
#include "reader/snapshot.h"
#include "symbols/symbolizer.h"
#include "verdict/process_verdict.h"

namespace mla {

// What is known of a recording besides the snapshot.
struct HtmlFindings {
  std::string command;  // the command line in one line
  ProcessVerdict verdict;
  std::string next_step;         // what to do where the verdict has no answer; may be empty
  std::optional<Ledger> ledger;  // of the recording's end; none: the process never looked
  Finding diagnosis;
  std::string diagnosis_sentence;  // empty without a ledger
};

// The members of `mla report --json` (docs/json.md) but for its lists, and besides:
//
//   strings    texts; [0] is empty
//   frames     columns function, file, module (strings), line (0: not known), kind (0 native,
//              1 inlined, 2 Python), plumbing (1: of the allocation functions); [0] is no frame
//   stacks     columns parent, frame: a trie from the outermost frame in; parents come first;
//              [0] is the root
//   sites      columns; `stack` with every frame, `brief` without the interpreter's own: innermost
//              nodes of the trie
//   history    columns site (index into sites), t_s, live_bytes: in order of site, then of time
//   growth_s   the time that sites.growth is of; null there: not known (series/growth.h)
//   timeline, ledger_history, threads: columns
//   verdict, verdict_series, growing, ledger: what `mla leaks` and `mla why` say
nlohmann::ordered_json html_model(const Snapshot& snapshot, Symbolizer& symbolizer,
                                  const HtmlFindings& findings);

// The member `timeline`.
nlohmann::ordered_json html_timeline(const Snapshot& snapshot);

}  // namespace mla
