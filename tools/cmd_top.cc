// mla top: a living view of one recording, or of the processes of a name.
#include <algorithm>
#include <memory>

#include "commands.h"
#include "output.h"
#include "reader/error.h"
#include "report/text_stack.h"
#include "terminal.h"
#include "top/graphics.h"
#include "top/session.h"
#include "validators.h"

namespace mla {
namespace {

constexpr size_t kOnceHeight = 40;
constexpr size_t kLeastInterval = 100;  // milliseconds

struct Options {
  TopOptions top;
  bool once = false;
};

const char* escape_of(TextStyle style, const Style& escapes) {
  switch (style) {
    case TextStyle::kBold:
    case TextStyle::kHeading:
    case TextStyle::kSelected:
      return escapes.bold();
    case TextStyle::kDim:
      return escapes.dim();
    case TextStyle::kGood:
      return escapes.good();
    case TextStyle::kWarn:
      return escapes.warn();
    case TextStyle::kBad:
      return escapes.bad();
    case TextStyle::kPlain:
      break;
  }
  return "";
}

void print_once(const Options& options, Output& out) {
  TopSession session(options.top);
  const size_t width = std::max(terminal_width(out, 120), kLeastScreen.width);
  const Style escapes(options.top.colour);
  for (const Line& line : session.once({width, kOnceHeight})) {
    for (const Span& span : line.spans()) {
      const std::string escape = escape_of(span.style, escapes);
      out.stream() << escape << (options.top.utf8 ? span.text : in_ascii(span.text))
                   << (escape.empty() ? "" : escapes.off());
    }
    out.stream() << '\n';
  }
}

int top(Options& options) {
  Output out;
  options.top.colour = colour_wanted(out);
  options.top.utf8 = utf8_locale();
  if (options.once) {
    print_once(options, out);
  } else {
    TopSession(options.top).run();
  }
  out.finish();
  return kExitOk;
}

}  // namespace

void add_top(CLI::App& app, int& exit_code) {
  const auto options = std::make_shared<Options>();
  CLI::App& command =
      add_command(app, "top", "Show a process live: memory, call sites by size and growth, verdict",
                  "mla top [options] FILE|PID\n       mla top [options] --name NAME",
                  "Keys: l g r order, Enter stack, / search, s stacks, p pause, ? help, q quit.\n"
                  "The process is not asked for anything: what it has recorded is read.\n\n"
                  "Examples:\n"
                  "  mla top 4711\n"
                  "  mla top --name run_server.py\n"
                  "  mla top --once mla-python3-4711.mla");
  command.add_option("RECORDING", options->top.recording, "A recording, or the pid of a process")
      ->type_name("FILE|PID");
  command
      .add_option("--name", options->top.name,
                  "All processes of this script or program, a row each;\n"
                  "those that come later too")
      ->type_name("NAME");
  command
      .add_option("--interval", options->top.interval_s, "Seconds between two looks (1; from 0.1)")
      ->type_name("SECONDS")
      ->check(number_between(static_cast<double>(kLeastInterval) / 1000, 3600.0));
  command.add_flag("--once", options->once, "Print one screen as text, and end");
  command.callback([options, &exit_code] {
    if (options->top.recording.empty() == options->top.name.empty()) {
      throw Error("mla top", "takes either a recording or --name", "see mla top --help");
    }
    exit_code = top(*options);
  });
}

}  // namespace mla
