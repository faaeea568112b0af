#include "top/screen.h"

#define NCURSES_NOMACROS  // move, erase and the like are functions too
#include <curses.h>
#include <unistd.h>

#include <clocale>
#include <csignal>
#include <cstdlib>
#include <string>

#include "reader/error.h"
#include "top/graphics.h"
#include "top/terminal_kind.h"

namespace mla {
namespace {

volatile std::sig_atomic_t end_wanted = 0;

void want_end(int /*signal*/) { end_wanted = 1; }

enum Pair : short { kGreen = 1, kYellow, kRed, kCyan };

constexpr const char* kInstead = "use `mla top --once`, or `mla report`";

void check_terminal() {
  if (isatty(STDIN_FILENO) == 0 || isatty(STDOUT_FILENO) == 0) {
    throw Error("mla top", "standard input and output are no terminal", kInstead);
  }
  const char* name = std::getenv("TERM");  // NOLINT(concurrency-mt-unsafe): one thread
  const std::string terminal = name == nullptr ? "" : name;
  if (!can_place_text(STDOUT_FILENO)) {
    throw Error("TERM=" + terminal, "this terminal cannot place text on its screen", kInstead);
  }
}

attr_t attribute_of(TextStyle style, bool colour) {
  const auto pair = [colour](Pair number) {
    return colour ? static_cast<attr_t>(COLOR_PAIR(number)) : attr_t{A_NORMAL};
  };
  switch (style) {
    case TextStyle::kBold:
      return A_BOLD;
    case TextStyle::kDim:
      return A_DIM;
    case TextStyle::kGood:
      return pair(kGreen);
    case TextStyle::kWarn:
      return pair(kYellow);
    case TextStyle::kBad:
      return A_BOLD | pair(kRed);
    case TextStyle::kSelected:
      return A_REVERSE;
    case TextStyle::kHeading:
      return pair(kCyan);
    case TextStyle::kPlain:
      break;
  }
  return A_NORMAL;
}

std::optional<KeyPress> special(int code) {
  const auto press = [](Key key) { return KeyPress{static_cast<int>(key)}; };
  switch (code) {
    case KEY_UP:
      return press(Key::kUp);
    case KEY_DOWN:
      return press(Key::kDown);
    case KEY_LEFT:
      return press(Key::kLeft);
    case KEY_RIGHT:
      return press(Key::kRight);
    case KEY_PPAGE:
      return press(Key::kPageUp);
    case KEY_NPAGE:
      return press(Key::kPageDown);
    case KEY_HOME:
      return press(Key::kHome);
    case KEY_END:
      return press(Key::kEnd);
    case KEY_ENTER:
      return press(Key::kEnter);
    case KEY_BACKSPACE:
      return press(Key::kBackspace);
    case KEY_RESIZE:
      return press(Key::kResize);
    default:
      return std::nullopt;
  }
}

}  // namespace

Screen::Screen(bool colour, bool utf8) : colour_(colour), utf8_(utf8) {
  check_terminal();
  // ncurses writes what the locale of C can. A locale that is named but not installed is UTF-8
  // all the same.
  if (std::setlocale(LC_CTYPE, "") == nullptr && utf8) std::setlocale(LC_CTYPE, "C.UTF-8");
  ESCDELAY = 25;  // milliseconds: else Esc is waited for a second
  if (newterm(nullptr, stdout, stdin) == nullptr) {
    throw Error("mla top", "the terminal cannot be used", kInstead);
  }
  struct sigaction action {};
  action.sa_handler = want_end;  // after newterm, which has handlers of its own
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaction(signal, &action, nullptr);
  cbreak();
  noecho();
  nonl();
  keypad(stdscr, TRUE);
  curs_set(0);
  if (colour_) {
    colour_ = has_colors() && start_color() == OK;
    use_default_colors();
    constexpr short kDefault = -1;
    init_pair(kGreen, COLOR_GREEN, kDefault);
    init_pair(kYellow, COLOR_YELLOW, kDefault);
    init_pair(kRed, COLOR_RED, kDefault);
    init_pair(kCyan, COLOR_CYAN, kDefault);
  }
}

Screen::~Screen() { endwin(); }

ScreenSize Screen::size() const {
  return {static_cast<size_t>(getmaxx(stdscr)), static_cast<size_t>(getmaxy(stdscr))};
}

void Screen::draw(const std::vector<Line>& lines) {
  erase();
  for (size_t i = 0; i < lines.size() && i < size().height; ++i) {
    ::move(static_cast<int>(i), 0);
    for (const Span& span : lines[i].spans()) {
      attrset(static_cast<int>(attribute_of(span.style, colour_)));
      const std::string text = utf8_ ? span.text : in_ascii(span.text);
      addnstr(text.data(), static_cast<int>(text.size()));
    }
  }
  attrset(A_NORMAL);
  wnoutrefresh(stdscr);
  doupdate();
}

std::optional<KeyPress> Screen::key(int milliseconds) {
  const KeyPress quit{static_cast<int>(Key::kQuit)};
  if (end_wanted != 0) return quit;
  timeout(milliseconds);
  wint_t code = 0;
  const int kind = get_wch(&code);
  if (end_wanted != 0) return quit;
  if (kind == KEY_CODE_YES) return special(static_cast<int>(code));
  if (kind == ERR) {
    // The terminal is gone: it would be asked over and over.
    if (tcgetpgrp(STDIN_FILENO) < 0) return quit;
    return std::nullopt;
  }
  switch (code) {
    case '\r':
    case '\n':
      return KeyPress{static_cast<int>(Key::kEnter)};
    case 27:
      return KeyPress{static_cast<int>(Key::kEscape)};
    case 8:
    case 127:
      return KeyPress{static_cast<int>(Key::kBackspace)};
    case 3:
      return quit;
    default:
      return KeyPress{static_cast<int>(code)};
  }
}

}  // namespace mla
