// The screen of one recording. A pure function of what is to be shown.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "report/sparkline.h"
#include "top/graphics.h"
#include "top/line.h"

namespace mla {

// A row of the list: a call site, or a frame of the stack of the one above.
struct SiteRow {
  bool is_frame = false;
  bool expanded = false;
  bool mapping = false;
  uint64_t live_bytes = 0;
  uint64_t live_count = 0;
  double growth_bytes = 0;
  std::optional<double> rate;  // bytes per hour
  std::string verdict;         // "leak", "growing"; mostly empty
  bool leak = false;
  std::string name;    // of the site: its stack in one line; of the frame: its function
  std::string source;  // of a frame
};

struct RecordingScreen {
  std::string command;  // printable
  uint32_t pid = 0;
  std::string state;  // "alive", "killed", "exited (exit code 3)"
  bool alive = false;
  double age_s = 0;
  std::string clock;  // "14:02:11"; empty: not shown
  bool paused = false;
  uint64_t rss_bytes = 0;
  uint64_t live_bytes = 0;
  std::vector<CurvePoint> rss;   // over the whole run
  std::vector<CurvePoint> live;  // on the same scale
  uint64_t end_ns = 0;
  std::string verdict;  // one line
  bool leak = false;
  std::string rate;                 // "1.2 MiB/h, 95 % interval ..."; empty: not known
  std::vector<LedgerGroup> ledger;  // empty: not known
  double ledger_age_s = 0;
  std::vector<std::string> notes;  // what is to be known besides: shown as far as there is room
  std::string rank;                // "live bytes"
  std::string part;                // "merged"
  std::string since;               // of growth: "the last 12 s"
  std::string search;              // what is searched for; empty: nothing
  std::string search_state;        // "of 1,000", "42 of 1,000 searched"
  bool entering_search = false;
  size_t sites = 0;     // in the list
  double behind_s = 0;  // the list is so old
  std::vector<SiteRow> rows;
  size_t cursor_row = 0;     // of rows
  bool has_workers = false;  // Esc leads back to them
  bool utf8 = true;
};

// How many rows of the list there is room for.
size_t list_rows(const RecordingScreen& screen, ScreenSize size);

// As many lines as the screen has, none wider than it. `rows` may be fewer than fit.
std::vector<Line> recording_lines(const RecordingScreen& screen, ScreenSize size);

}  // namespace mla
