// mla stacks: where every thread of a process is, native and Python, now or in a core file.
#include <memory>
#include <set>

#include "commands.h"
#include "output.h"
#include "stacks_json.h"
#include "stacks_text.h"
#include "terminal.h"
#include "validators.h"

namespace mla {
namespace {

struct Options {
  int pid = 0;
  std::string core;
  std::string executable;
  std::vector<uint32_t> threads;
  bool json = false;
  bool all = false;
  bool native = false;
  std::vector<std::string> debug_directories;
};

int show_stacks(const Options& options) {
  const std::set<uint32_t> tids(options.threads.begin(), options.threads.end());
  const ProcessStacks stacks = options.core.empty()
                                   ? read_stacks(options.pid, tids)
                                   : read_core_stacks(options.core, options.executable, tids);
  Symbolizer symbolizer(stacks.snapshot, {.debug_directories = options.debug_directories});
  Output out;
  if (options.json) {
    write_stacks_json(out.stream(), stacks, symbolizer);
  } else {
    StacksTextOptions text;
    text.all = options.all;
    text.native = options.native;
    text.colour = colour_wanted(out);
    text.width = terminal_width(out, text.width);
    write_for_locale(
        out, [&](std::ostream& stream) { write_stacks_text(stream, stacks, symbolizer, text); });
  }
  out.finish();
  return kExitOk;
}

}  // namespace

void add_stacks(CLI::App& app, int& exit_code) {
  const auto options = std::make_shared<Options>();
  CLI::App& command =
      add_command(app, "stacks", "Say where every thread of a process is, in Python and in C",
                  "mla stacks [options] PID\n       mla stacks [options] --core CORE",
                  "Examples:\n"
                  "  mla stacks 4711\n"
                  "  mla stacks --native --threads 4711,4720 4711\n"
                  "  mla stacks --core core.4711\n"
                  "  mla stacks --json 4711 | jq '.threads[] | select(.holds_gil)'");
  CLI::Option* pid = command.add_option("PID", options->pid, "A running process, recorded or not")
                         ->type_name("PID")
                         ->check(whole_number(1));
  CLI::Option* core =
      command
          .add_option("--core", options->core, "Read a core file, of gcore or the kernel, instead")
          ->type_name("FILE")
          ->excludes(pid);
  command
      .add_option("--exe", options->executable,
                  "The executable of the core file, if it is not where\nit was")
      ->type_name("FILE")
      ->needs(core);
  command.add_option("--threads", options->threads, "Show these threads only: TID,TID...")
      ->type_name("TIDS")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(whole_number(1));
  CLI::Option* json = command.add_flag("--json", options->json, "Print JSON, all frames");
  command.add_flag("--all", options->all, "Show threads with the same stack one by one, too")
      ->excludes(json);
  command.add_flag("--native", options->native, "Show the C frames of Python's interpreter, too")
      ->excludes(json);
  command
      .add_option("--debug-dir", options->debug_directories,
                  "Look for separate debug files here first (may be\nrepeated)")
      ->type_name("DIR")
      ->allow_extra_args(false);
  command.callback([options, pid, core, &exit_code] {
    if (pid->empty() && core->empty()) throw CLI::RequiredError("PID or --core");
    exit_code = show_stacks(*options);
  });
}

}  // namespace mla
