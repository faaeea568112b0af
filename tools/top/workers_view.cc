#include "top/workers_view.h"

#include <algorithm>

#include "report/units.h"
#include "report/verdict_text.h"
#include "top/columns.h"

namespace mla {
namespace {

constexpr size_t kWide = 110;
constexpr size_t kMiddling = 96;  // else the rate gives its room to the command
constexpr size_t kCurve = 24;

std::string count_text(const std::optional<uint64_t>& count) {
  return count ? std::to_string(*count) : "-";
}

Line title(const WorkersScreen& s, size_t width) {
  uint64_t rss = 0;
  size_t alive = 0;
  for (const WorkerRow& row : s.rows) {
    if (!row.alive) continue;
    ++alive;
    rss += row.rss_bytes;
  }
  std::string left = "mla top  ";
  left.append(s.name)
      .append("  ")
      .append(with_commas(alive))
      .append(alive == 1 ? " process" : " processes");
  left.append(", RSS together ").append(human_bytes(rss));
  const size_t taken = columns(s.clock) + (s.paused ? 9 : 1);
  Line line(to_left(left, width - taken), TextStyle::kBold);
  if (s.paused) line.add(" PAUSED ", TextStyle::kWarn);
  return line.add(" ").add(s.clock);
}

Line titles(size_t width) {
  std::string text = to_right("PID", 9) + to_right("RSS", 11) + to_right("LIVE+MAP", 11) +
                     (width >= kMiddling ? to_right("RATE", 14) : "") + to_right("THR", 5) +
                     to_right("FDS", 6) + to_right("TCP", 6);
  text += "  " + to_left("VERDICT", 13);
  if (width >= kWide) text += to_left("RSS SINCE MLA TOP BEGAN", kCurve + 2);
  text += "COMMAND";
  return Line(text, TextStyle::kHeading);
}

Line worker_line(const WorkerRow& row, const WorkersScreen& s, size_t width) {
  Line line(to_right(std::to_string(row.pid), 9), row.alive ? TextStyle::kBold : TextStyle::kDim);
  line.add(to_right(human_bytes(row.rss_bytes), 11));
  line.add(to_right(row.live_bytes ? human_bytes(*row.live_bytes) : "-", 11));
  if (width >= kMiddling) {
    line.add(to_right(row.rate ? human_rate(*row.rate, TimeUnit::kHours) : "-", 14));
  }
  line.add(to_right(count_text(row.threads), 5));
  line.add(to_right(count_text(row.descriptors), 6));
  line.add(to_right(count_text(row.tcp), 6));
  line.add("  ").add(to_left(row.verdict, 13),
                     row.leak || !row.alive ? TextStyle::kBad : TextStyle::kPlain);
  if (width >= kWide) {
    uint64_t top = 0;
    for (const CurvePoint& point : row.rss) top = std::max(top, point.value);
    line.add(sparkline(row.rss, s.end_ns, top, kCurve, s.utf8), TextStyle::kHeading).add("  ");
  }
  return line.add(row.command);
}

}  // namespace

std::vector<Line> workers_lines(const WorkersScreen& screen, ScreenSize size) {
  std::vector<Line> lines;
  lines.push_back(title(screen, size.width));
  lines.emplace_back(screen.message, TextStyle::kWarn);
  lines.push_back(titles(size.width));
  const size_t room = size.height - lines.size() - 1;
  const size_t first = screen.cursor >= room ? screen.cursor - room + 1 : 0;
  for (size_t i = first; i < screen.rows.size() && i < first + room; ++i) {
    const Line line = worker_line(screen.rows[i], screen, size.width).cut(size.width);
    lines.push_back(i == screen.cursor ? line.in_style(TextStyle::kSelected, size.width) : line);
  }
  if (screen.rows.empty()) {
    lines.emplace_back("  no process of this name runs; mla top waits for one", TextStyle::kDim);
  }
  lines.resize(size.height - 1);
  lines.emplace_back("q quit  ? help  Enter opens a process  p pause", TextStyle::kDim);
  for (Line& line : lines) line = line.cut(size.width);
  return lines;
}

std::vector<Line> help_lines(ScreenSize size) {
  static constexpr std::pair<const char*, const char*> kKeys[] = {
      {"l  g  r", "order call sites by live bytes, growth, rate"},
      {"Enter", "show or hide the stack of a call site; open a process of the list"},
      {"arrows  j k", "move; Page Up, Page Down, Home and End too"},
      {"s", "stacks: merged, native, Python alone"},
      {"/", "show only call sites with this text in their stack; Esc shows all"},
      {"p  Space", "pause, and go on"},
      {"z", "count growth from now on"},
      {"Esc", "back: from the search, from a process to the list"},
      {"?  h", "this help"},
      {"q  Ctrl-C", "quit"}};
  std::vector<Line> lines;
  lines.emplace_back("mla top: keys", TextStyle::kBold);
  if (size.height > std::size(kKeys) + 4) lines.emplace_back();
  for (const auto& [keys, meaning] : kKeys) {
    if (lines.size() + 1 >= size.height) break;
    Line line("  ");
    lines.push_back(line.add(to_left(keys, 14), TextStyle::kBold).add(meaning).cut(size.width));
  }
  lines.resize(size.height - 1);
  lines.emplace_back("any key goes back", TextStyle::kDim);
  return lines;
}

std::vector<Line> too_small_lines(ScreenSize size) {
  std::string text = "too small: it takes ";
  text.append(std::to_string(kLeastScreen.width)).append("x");
  text.append(std::to_string(kLeastScreen.height));
  return {Line(text).cut(size.width)};
}

}  // namespace mla
