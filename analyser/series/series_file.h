// Reading a memory series from text: a header `t_s,rss_bytes[,live_bytes]` and rows, or one number
// a line. Comments (#), blank lines, CRLF, a byte-order mark and blanks around cells are allowed.
#pragma once

#include <istream>
#include <string>
#include <vector>

namespace mla {

struct Series {
  std::string id;                  // see series_id
  std::vector<double> t_s;         // seconds, never decreasing; empty when the file has no times
  std::vector<double> values;      // rss_bytes, or the numbers of a file of one number a line
  std::vector<double> live_bytes;  // empty when the file has none
  bool in_bytes = false;           // the values were named rss_bytes by a header
};

// `name` is used in errors. Throws Error with file and line for anything that is not a series.
Series read_series(std::istream& in, const std::string& name);

// "-" is standard input. Throws Error.
Series read_series_file(const std::string& path);

// Base name of the file without a final ".csv"; "-" for standard input.
std::string series_id(const std::string& path);

// Units of the values per second; per sample when the series has no times.
double series_rate(const Series& series);

}  // namespace mla
