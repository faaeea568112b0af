// Text of unknown origin (paths, names, arguments) on its way to a terminal or a file.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace mla {

// Valid UTF-8: every byte that is not part of a well-formed sequence becomes U+FFFD.
std::string valid_utf8(std::string_view bytes);

// The same, with control characters replaced by '?': it cannot move the cursor or break a line, nor
// be read in another order than it stands in.
std::string printable(std::string_view bytes);

// Columns on a terminal: two of a wide character (East Asian scripts, emoji), none of one that
// combines with the one before it, else one.
size_t columns(std::string_view utf8);

// At most `width` columns of it, the last one an ellipsis if something was cut off; one less where
// only half a wide character would fit.
std::string cut_right(std::string_view utf8, size_t width);
// The same, cut off on the left: what counts of a path is its end.
std::string cut_left(std::string_view utf8, size_t width);

}  // namespace mla
