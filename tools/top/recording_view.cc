#include "top/recording_view.h"

#include <algorithm>

#include "report/units.h"
#include "report/verdict_text.h"
#include "top/columns.h"

namespace mla {
namespace {

constexpr size_t kLabel = 9;  // "verdict  "
constexpr size_t kFigure = 12;
constexpr size_t kBytesColumn = 11;
constexpr size_t kRateColumn = 14;
constexpr size_t kCountColumn = 10;
constexpr size_t kVerdictColumn = 10;
constexpr size_t kWide = 110;  // with room for all columns
constexpr size_t kHigh = 30;   // with room for notes and empty lines

Line labelled(const char* label) { return Line(to_left(label, kLabel), TextStyle::kDim); }

Line title(const RecordingScreen& s, size_t width) {
  std::string right = s.state;
  right.append(", ").append(human_seconds(s.age_s));
  if (!s.clock.empty()) right.append("  ").append(s.clock);
  const size_t taken = columns(right) + (s.paused ? 8 : 0);
  std::string left = "mla top  ";
  left.append(std::to_string(s.pid)).append("  ").append(s.command);
  Line line(to_left(left, width > taken + 1 ? width - taken - 1 : 0), TextStyle::kBold);
  if (s.paused) line.add(" PAUSED ", TextStyle::kWarn);
  line.add(" ").add(right, s.alive ? TextStyle::kGood : TextStyle::kBad);
  return line;
}

Line curve(const char* label, uint64_t bytes, const std::vector<CurvePoint>& points, uint64_t top,
           const RecordingScreen& s, size_t width) {
  Line line = labelled(label);
  line.add(to_right(human_bytes(bytes), kFigure), TextStyle::kBold).add("  ");
  const size_t room = width - line.width();
  return line.add(sparkline(points, s.end_ns, top, room, s.utf8), TextStyle::kHeading);
}

uint64_t top_of(const RecordingScreen& s) {
  uint64_t top = std::max(s.rss_bytes, s.live_bytes);
  for (const CurvePoint& point : s.rss) top = std::max(top, point.value);
  for (const CurvePoint& point : s.live) top = std::max(top, point.value);
  return top;
}

std::vector<Line> header(const RecordingScreen& s, ScreenSize size) {
  const size_t width = size.width;
  std::vector<Line> lines;
  lines.push_back(title(s, width));
  const uint64_t top = top_of(s);
  lines.push_back(curve("RSS", s.rss_bytes, s.rss, top, s, width));
  lines.push_back(curve("live+map", s.live_bytes, s.live, top, s, width));
  lines.push_back(labelled("rate").add(s.rate.empty() ? "not known yet" : s.rate));
  lines.push_back(labelled("verdict").add(s.verdict, s.leak ? TextStyle::kBad : TextStyle::kPlain));
  if (s.ledger.empty()) {
    lines.push_back(labelled("ledger").add("the process has not looked at its pages yet"));
    lines.emplace_back();
  } else {
    lines.push_back(labelled("ledger").add(ledger_bar(s.ledger, width - kLabel, s.utf8)));
    Line legend = labelled("").add(ledger_legend(s.ledger, s.utf8));
    if (s.ledger_age_s >= 1) {
      legend.add("  (" + human_seconds(s.ledger_age_s) + " ago)", TextStyle::kDim);
    }
    lines.push_back(legend);
  }
  const size_t most_notes = size.height >= kHigh ? 4 : 1;
  for (size_t i = 0; i < s.notes.size() && i < most_notes; ++i) {
    lines.emplace_back(s.notes[i], TextStyle::kWarn);
  }
  if (size.height >= kHigh) lines.emplace_back();
  return lines;
}

std::string heading_text(const RecordingScreen& s) {
  std::string text = with_commas(s.sites);
  text.append(s.sites == 1 ? " call site" : " call sites");
  if (!s.search.empty() && !s.entering_search) {
    text.append(" with \"").append(s.search).append("\" (").append(s.search_state).append(")");
  }
  text.append(" by ").append(s.rank);
  text.append("; stacks ").append(s.part).append("; growth over ").append(s.since);
  if (s.behind_s >= 2) text.append("; read ").append(human_seconds(s.behind_s)).append(" ago");
  return text;
}

Line column_titles(const RecordingScreen& s, size_t width) {
  const auto title = [&s](const char* name, const char* rank) {
    std::string text = s.rank == rank ? (s.utf8 ? "▼" : "v") : "";
    return text.append(name);
  };
  std::string text = "  ";
  text += to_right(title("LIVE", "live bytes"), kBytesColumn);
  text += to_right(title("GROWTH", "growth"), kBytesColumn + 1);
  text += to_right(title("RATE", "rate"), kRateColumn);
  if (width >= kWide) text += to_right("BLOCKS", kCountColumn);
  text += "  ";
  if (width >= kWide) text += to_left("VERDICT", kVerdictColumn);
  text += "CALL SITE";
  return Line(text, TextStyle::kHeading);
}

TextStyle style_of_growth(double bytes) {
  return bytes > 0 ? TextStyle::kWarn : bytes < 0 ? TextStyle::kGood : TextStyle::kDim;
}

Line frame_line(const SiteRow& row) {
  Line line(std::string(8, ' '));
  line.add(row.name);
  if (!row.source.empty()) line.add("  ").add(row.source, TextStyle::kDim);
  return line;
}

Line site_line(const SiteRow& row, const RecordingScreen& s, size_t width) {
  Line line(s.utf8 ? (row.expanded ? "▾ " : "▸ ") : (row.expanded ? "v " : "> "), TextStyle::kDim);
  line.add(to_right(human_bytes(row.live_bytes), kBytesColumn), TextStyle::kBold);
  line.add(to_right(signed_bytes(row.growth_bytes), kBytesColumn + 1),
           style_of_growth(row.growth_bytes));
  line.add(to_right(row.rate ? human_rate(*row.rate, TimeUnit::kHours) : "-", kRateColumn));
  if (width >= kWide) line.add(to_right(with_commas(row.live_count), kCountColumn));
  line.add("  ");
  const TextStyle verdict = row.leak ? TextStyle::kBad : TextStyle::kWarn;
  if (width >= kWide) {
    line.add(to_left(row.verdict, kVerdictColumn), verdict);
  } else if (row.leak) {
    line.add("leak ", verdict);
  }
  if (row.mapping) line.add("mmap ", TextStyle::kDim);
  return line.add(row.name);
}

Line foot(const RecordingScreen& s) {
  if (s.entering_search) {
    Line line("/", TextStyle::kBold);
    return line.add(s.search)
        .add(s.utf8 ? "▏" : "_")
        .add("  Enter: filter  Esc: cancel", TextStyle::kDim);
  }
  std::string keys = s.has_workers ? "Esc back  " : "";
  keys += "q quit  ? help  l g r order  Enter stack  s stacks  / search  p pause  z zero";
  return Line(keys, TextStyle::kDim);
}

}  // namespace

size_t list_rows(const RecordingScreen& screen, ScreenSize size) {
  const size_t taken = header(screen, size).size() + 3;
  return size.height > taken ? size.height - taken : 0;
}

std::vector<Line> recording_lines(const RecordingScreen& screen, ScreenSize size) {
  std::vector<Line> lines = header(screen, size);
  lines.emplace_back(heading_text(screen), TextStyle::kBold);
  lines.push_back(column_titles(screen, size.width));
  for (size_t i = 0; i < screen.rows.size() && lines.size() + 1 < size.height; ++i) {
    const SiteRow& row = screen.rows[i];
    Line line = row.is_frame ? frame_line(row) : site_line(row, screen, size.width);
    line = line.cut(size.width);
    if (i == screen.cursor_row) line = line.in_style(TextStyle::kSelected, size.width);
    lines.push_back(std::move(line));
  }
  if (screen.rows.empty()) {
    lines.emplace_back(
        screen.search.empty() ? "  nothing is recorded yet" : "  no call site matches",
        TextStyle::kDim);
  }
  lines.resize(size.height - 1);
  lines.push_back(foot(screen));
  for (Line& line : lines) line = line.cut(size.width);
  return lines;
}

}  // namespace mla
