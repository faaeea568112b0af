// What `mla history` prints.
#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "history/store.h"

namespace mla {

// The part of a history that was asked for.
struct HistoryView {
  std::string file;
  double from_t = 0;
  double to_t = 0;
  double offset = 0;                 // Unix time - t, now
  std::vector<SeriesRecord> series;  // of the services asked for, in the time asked for
  std::vector<Change> changes;       // of them
  std::vector<Mark> marks;           // of them, and those that concern all
};

struct HistoryTextOptions {
  size_t width = 100;
  bool braille = true;
  bool charts = false;
};

void write_history_text(std::ostream& out, Store& store, const HistoryView& view,
                        const HistoryTextOptions& options);
// By docs/schema/history-v1.json.
void write_history_json(std::ostream& out, Store& store, const HistoryView& view);
// A line for each sample that is kept, at the finest level there is for its time.
void write_history_csv(std::ostream& out, Store& store, const HistoryView& view);

}  // namespace mla
