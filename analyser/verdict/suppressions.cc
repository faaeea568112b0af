#include "verdict/suppressions.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "reader/error.h"

namespace mla {
namespace {

constexpr const char* kWanted = "give leak:PATTERN, or # and a comment";

std::string_view trim(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\r'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

std::string pattern_of(std::string_view line, const std::string& where) {
  constexpr std::string_view kType = "leak:";
  if (!std::all_of(line.begin(), line.end(),
                   [](char c) { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f; })) {
    throw Error(where, "is no text", kWanted);
  }
  if (!line.starts_with(kType)) {
    const size_t colon = line.find(':');
    std::string why = "does not start with 'leak:'";
    if (colon < 40) {
      why = "is of type '";
      why += line.substr(0, colon);
      why += "', not 'leak'";
    }
    throw Error(where, why, kWanted);
  }
  line.remove_prefix(kType.size());
  if (line.empty() || line == "^") throw Error(where, "has no pattern", kWanted);
  if (const size_t end = line.find('$'); end != line.size() - 1 && end != std::string_view::npos) {
    throw Error(where, "goes on after '$'", "end the pattern there, or put * in its place");
  }
  return std::string(line);
}

}  // namespace

std::vector<Suppression> parse_suppressions(std::string_view text, const std::string& file) {
  std::vector<Suppression> all;
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  for (size_t number = 1; !text.empty(); ++number) {
    const size_t end = text.find('\n');
    const std::string_view line = trim(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.empty() || line.front() == '#') continue;
    std::string where = file;
    where += ':';
    where += std::to_string(number);
    all.push_back({file, number, pattern_of(line, where)});
  }
  return all;
}

std::vector<Suppression> read_suppressions(const std::string& file) {
  errno = 0;
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  if (in.peek() != std::ifstream::traits_type::eof()) text << in.rdbuf();
  if (!in.is_open() || in.bad() || text.bad() || errno != 0) {
    throw Error(file, errno == 0 ? "cannot be read" : std::strerror(errno),
                "give a file of suppressions that can be read");
  }
  return parse_suppressions(text.view(), file);
}

bool suppression_matches(std::string_view pattern, std::string_view name) {
  if (name.empty()) return false;
  bool at_begin = pattern.starts_with('^');
  if (at_begin) pattern.remove_prefix(1);
  const bool at_end = pattern.ends_with('$');
  if (at_end) pattern.remove_suffix(1);
  // The first place where a part fits is as good as any, but for a last part tied to the end.
  for (;;) {
    const size_t star = pattern.find('*');
    const std::string_view part = pattern.substr(0, star);
    const bool last = star == std::string_view::npos;
    if (last && at_end) {
      return at_begin ? name == part : name.ends_with(part);
    }
    const size_t found = at_begin ? (name.starts_with(part) ? 0 : name.npos) : name.find(part);
    if (found == name.npos) return false;
    if (last) return true;
    name.remove_prefix(found + part.size());
    pattern.remove_prefix(star + 1);
    at_begin = false;
  }
}

}  // namespace mla
