// What the place of output can show.
#pragma once

#include <cstddef>

#include "output.h"

namespace mla {

// On a terminal, and NO_COLOR is not set.
bool colour_wanted(const Output& out);

// Columns of the terminal; `otherwise` when there is none.
size_t terminal_width(const Output& out, size_t otherwise);

// The locale of the environment is UTF-8.
bool utf8_locale();

}  // namespace mla
