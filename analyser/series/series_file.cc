#include "series/series_file.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <optional>
#include <string_view>

#include "reader/error.h"
#include "series/least_squares.h"

namespace mla {
namespace {

constexpr size_t kMaxLine = 4096;  // far above any row; keeps a binary file from becoming one line
constexpr const char* kWanted =
    "give rows under a header t_s,rss_bytes[,live_bytes], or one number a line";

std::string_view trim(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\r'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

std::vector<std::string_view> split(std::string_view line) {
  std::vector<std::string_view> cells;
  for (;;) {
    const size_t comma = line.find(',');
    cells.push_back(trim(line.substr(0, comma)));
    if (comma == std::string_view::npos) return cells;
    line.remove_prefix(comma + 1);
  }
}

std::optional<double> to_number(std::string_view cell) {
  if (cell.starts_with('+')) cell.remove_prefix(1);
  double value = 0;
  const char* end = cell.data() + cell.size();
  const auto [stop, error] = std::from_chars(cell.data(), end, value);
  if (error != std::errc() || stop != end || !std::isfinite(value)) return std::nullopt;
  return value;
}

// A cell as it may be shown on a terminal.
std::string printable(std::string_view cell) {
  std::string shown;
  for (const char c : cell.substr(0, 40)) {
    shown += std::isprint(static_cast<unsigned char>(c)) != 0 ? c : '?';
  }
  return cell.size() > 40 ? shown + "..." : shown;
}

// One line without its end. False at the end of the file.
bool read_line(std::istream& in, std::string& line) {
  line.clear();
  for (int c = in.get(); c != std::char_traits<char>::eof(); c = in.get()) {
    if (c == '\n') return true;
    if (line.size() < kMaxLine) line += static_cast<char>(c);
  }
  return !line.empty();
}

class SeriesParser {
 public:
  explicit SeriesParser(std::string name) : name_(std::move(name)) {}

  void add_line(std::string_view line) {
    ++line_number_;
    if (line_number_ == 1 && line.starts_with("\xEF\xBB\xBF")) line.remove_prefix(3);
    line = trim(line);
    if (line.empty() || line.front() == '#') return;
    if (line.size() >= kMaxLine) fail("is too long for a row of numbers");
    if (line.find('\0') != std::string_view::npos) fail("is binary");
    const std::vector<std::string_view> cells = split(line);
    if (columns_ == 0 && !to_number(cells[0])) {
      read_header(cells);
      return;
    }
    if (columns_ == 0) {
      if (cells.size() != 1) fail("has several columns and no header names them");
      columns_ = 1;
      value_column_ = 0;
    }
    read_row(cells);
  }

  Series take() {
    if (series_.values.empty()) throw Error(name_, "holds no samples", kWanted);
    return std::move(series_);
  }

 private:
  [[noreturn]] void fail(const std::string& why) const {
    throw Error(name_ + ":" + std::to_string(line_number_), why, kWanted);
  }

  void read_header(const std::vector<std::string_view>& cells) {
    for (size_t i = 0; i < cells.size(); ++i) {
      if (cells[i] == "t_s") time_column_ = i;
      if (cells[i] == "rss_bytes") value_column_ = i;
      if (cells[i] == "live_bytes") live_column_ = i;
      if (cells[i] == "mapped_bytes") mapped_column_ = i;
    }
    if (!value_column_)
      fail("'" + printable(cells[0]) + "' is neither a number nor a known header");
    columns_ = cells.size();
    series_.in_bytes = true;
  }

  double number(std::string_view cell) const {
    const std::optional<double> value = to_number(cell);
    if (!value) fail("'" + printable(cell) + "' is not a number");
    return *value;
  }

  void read_row(const std::vector<std::string_view>& cells) {
    if (cells.size() != columns_) {
      fail("has " + std::to_string(cells.size()) + " columns where " + std::to_string(columns_) +
           " are due");
    }
    if (time_column_) {
      const double t = number(cells[*time_column_]);
      if (!series_.t_s.empty() && t < series_.t_s.back()) fail("goes back in time");
      series_.t_s.push_back(t);
    }
    if (live_column_) {
      // The program's own mappings are its memory as the heap is, and in Python most of it.
      const double mapped = mapped_column_ ? number(cells[*mapped_column_]) : 0;
      series_.live_bytes.push_back(number(cells[*live_column_]) + mapped);
    }
    series_.values.push_back(number(cells[*value_column_]));
  }

  std::string name_;
  Series series_;
  size_t line_number_ = 0;
  size_t columns_ = 0;  // 0: not known yet
  std::optional<size_t> time_column_;
  std::optional<size_t> value_column_;
  std::optional<size_t> live_column_;
  std::optional<size_t> mapped_column_;
};

}  // namespace

Series read_series(std::istream& in, const std::string& name) {
  SeriesParser parser(name);
  std::string line;
  while (read_line(in, line)) parser.add_line(line);
  return parser.take();
}

Series read_series_file(const std::string& path) {
  if (path == "-") {
    Series series = read_series(std::cin, "standard input");
    series.id = "-";
    return series;
  }
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) {
    throw Error(path, "is a directory", "name the files in it");
  }
  std::ifstream in(path, std::ios::binary);
  if (!in) throw Error(path, std::strerror(errno), "name a readable file, or - for standard input");
  Series series = read_series(in, path);
  series.id = series_id(path);
  return series;
}

std::string series_id(const std::string& path) {
  std::string base = std::filesystem::path(path).filename().string();
  if (base.size() > 4 && base.ends_with(".csv")) base.resize(base.size() - 4);
  return base;
}

double series_rate(const Series& series) {
  return series.t_s.empty() ? slope_per_sample(series.values) : slope(series.t_s, series.values);
}

}  // namespace mla
