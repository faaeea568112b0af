// The terminal, by ncurses: nothing else in mla knows it.
#pragma once

#include <optional>
#include <vector>

#include "top/line.h"

namespace mla {

// Special keys, above all characters.
enum class Key : int {
  kUp = 0x200000,
  kDown,
  kLeft,
  kRight,
  kPageUp,
  kPageDown,
  kHome,
  kEnd,
  kEnter,
  kEscape,
  kBackspace,
  kResize,
  kQuit,  // Ctrl-C, or a signal to end
};

struct KeyPress {
  int code = 0;  // a Key, or a code point of Unicode
  bool is(Key key) const { return code == static_cast<int>(key); }
};

// One at a time. The terminal is as it was before when it is gone, also by a signal to end.
class Screen {
 public:
  // Throws Error where standard input and output are no terminal, or one that cannot place text.
  Screen(bool colour, bool utf8);
  ~Screen();
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  ScreenSize size() const;
  // Only what differs from what is shown is sent.
  void draw(const std::vector<Line>& lines);
  // Nothing if none was pressed for so long.
  std::optional<KeyPress> key(int milliseconds);

 private:
  bool colour_;
  bool utf8_;
};

}  // namespace mla
