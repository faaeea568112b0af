// What the place of output can show.
#pragma once

#include <cstddef>
#include <functional>
#include <ostream>
#include <string>

#include "output.h"

namespace mla {

// On a terminal, and NO_COLOR is not set.
bool colour_wanted(const Output& out);

// Columns of the terminal; `otherwise` when there is none.
size_t terminal_width(const Output& out, size_t otherwise);

// Shows on a terminal's standard error what is waited for, in place of what it showed last; an
// empty text removes it. Nothing elsewhere.
void show_waiting(const std::string& text);

// The locale of the environment is UTF-8.
bool utf8_locale();

// Has `write` write text for people: in a locale without UTF-8 the signs that mla itself draws with
// become ASCII. Names of the program keep their bytes.
void write_for_locale(Output& out, const std::function<void(std::ostream&)>& write);

}  // namespace mla
