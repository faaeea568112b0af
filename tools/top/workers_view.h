// The screen of the workers of a name, a row each. A pure function of what is to be shown.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "report/sparkline.h"
#include "top/line.h"

namespace mla {

struct WorkerRow {
  uint32_t pid = 0;
  bool alive = true;
  uint64_t rss_bytes = 0;
  std::optional<uint64_t> live_bytes;  // nothing: it is not recorded
  std::optional<double> rate;          // bytes per hour
  std::optional<uint64_t> threads;
  std::optional<uint64_t> descriptors;
  std::optional<uint64_t> tcp;
  std::string verdict;  // or how it ended
  bool leak = false;
  std::string command;
  std::vector<CurvePoint> rss;  // since mla top began
};

struct WorkersScreen {
  std::string name;
  std::string clock;  // empty: not shown
  bool paused = false;
  std::string message;  // what is to be said of the last key; empty: nothing
  std::vector<WorkerRow> rows;
  size_t cursor = 0;    // of rows
  uint64_t end_ns = 0;  // of the curves
  bool utf8 = true;
};

std::vector<Line> workers_lines(const WorkersScreen& screen, ScreenSize size);

// What the keys do.
std::vector<Line> help_lines(ScreenSize size);

// In place of everything else on a terminal below kLeastScreen.
std::vector<Line> too_small_lines(ScreenSize size);

}  // namespace mla
