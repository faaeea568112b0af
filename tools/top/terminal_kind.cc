// Apart from the rest: the macros of term.h are common words.
#include "top/terminal_kind.h"

#include <curses.h>
#include <term.h>

namespace mla {

bool can_place_text(int descriptor) {
  int status = 0;
  return setupterm(nullptr, descriptor, &status) == OK && cursor_address != nullptr;
}

}  // namespace mla
