// Leaks that are known and tolerated, in LeakSanitizer's file format. Pure.
//
// A line is `leak:PATTERN`; blank lines and lines that start with # are skipped. A pattern is
// searched in the function, the source file and the module of every frame of a stack, Python's as
// well as native ones: `*` stands for any characters, `^` at the beginning for the beginning of the
// name and `$` at the end for its end.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mla {

struct Suppression {
  std::string file;  // where it was read
  size_t line = 0;   // from 1
  std::string pattern;
};

// The suppressions of a file of this name and content. Throws Error with file and line for another
// type than `leak`, an empty pattern (LeakSanitizer: matches everything), text after `$`
// (LeakSanitizer: not looked at) and lines that are no text.
std::vector<Suppression> parse_suppressions(std::string_view text, const std::string& file);

// Reads and parses a file. Throws Error.
std::vector<Suppression> read_suppressions(const std::string& file);

// Whether the pattern is somewhere in the name. No name matches nothing. O(pattern * name).
bool suppression_matches(std::string_view pattern, std::string_view name);

}  // namespace mla
