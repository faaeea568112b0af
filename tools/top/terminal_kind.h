// What terminfo says of the terminal.
#pragma once

namespace mla {

// TERM names a terminal that is known and can move its cursor: "dumb" cannot.
bool can_place_text(int descriptor);

}  // namespace mla
