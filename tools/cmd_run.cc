// mla run: a program with libmla.so preloaded, its recording stored at its end.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <iostream>
#include <memory>

#include "child.h"
#include "commands.h"
#include "live_recording.h"
#include "no_recording.h"
#include "preload_environment.h"
#include "program_file.h"
#include "reader/error.h"
#include "reader/reader.h"
#include "recording_directory.h"
#include "report/units.h"
#include "run_summary.h"
#include "sampling_words.h"
#include "watching/process_source.h"
#include "watching/session.h"

namespace mla {
namespace {

constexpr int kTickMs = 1000;
constexpr int kExitNotExecutable = 126;  // the shell's codes
constexpr int kExitNotFound = 127;

struct Options {
  std::string output;
  std::string allocator;
  std::string directory;
  std::string sample;
  std::string budget;
  std::string python;
  bool exact = false;
  bool no_follow = false;
  bool quiet = false;
  bool watch = false;
  WatchSettings watching;
  std::vector<std::string> program;
};

std::string base_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

// Known before the program runs for hours: whether its recording can be stored.
void check_output(const std::string& file) {
  struct stat status {};
  if (!file.empty() && stat(file.c_str(), &status) == 0 && S_ISDIR(status.st_mode)) {
    throw Error(file, "is a directory", "give -o the name of a file");
  }
  const size_t slash = file.rfind('/');
  const std::string directory =
      slash == std::string::npos ? "." : file.substr(0, std::max<size_t>(slash, 1));
  if (access(directory.c_str(), W_OK | X_OK) != 0) {
    throw Error(directory, std::strerror(errno), "give -o a file in a directory you may write");
  }
}

class Progress {
 public:
  explicit Progress(bool wanted) : wanted_(wanted && isatty(STDERR_FILENO) == 1) {}
  ~Progress() {
    if (shown_) std::cerr << "\r\033[K" << std::flush;
  }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void show(const LiveFigures& figures) {
    if (!wanted_) return;
    shown_ = true;
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start_;
    std::cerr << "\r\033[Kmla: " << human_seconds(elapsed.count()) << ", RSS "
              << human_bytes(figures.rss_bytes) << ", live " << human_bytes(figures.live_bytes)
              << std::flush;
  }

 private:
  bool wanted_;
  bool shown_ = false;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

// What `mla watch PID` does, while the program runs; and so for its workers.
class Watching {
 public:
  Watching(pid_t pid, const std::string& directory, const WatchSettings& settings)
      : processes_({std::to_string(pid)}, ""), session_(processes_, settings, std::cerr) {
    processes_.follow_recordings_in(directory);
  }
  ~Watching() { session_.finish(kSendAtEndS); }
  Watching(const Watching&) = delete;
  Watching& operator=(const Watching&) = delete;

  void tick() {
    const auto now = std::chrono::steady_clock::now();
    if (now < next_) return;
    next_ = now + std::chrono::seconds(10);
    session_.sample();
  }

 private:
  static constexpr double kSendAtEndS = 10;

  HostProcesses processes_;
  WatchSession session_;
  std::chrono::steady_clock::time_point next_;
};

std::unique_ptr<Watching> start_watching(const Child& child, const std::string& directory,
                                         const Options& options) {
  if (!options.watch) return nullptr;
  try {
    return std::make_unique<Watching>(child.pid(), directory, options.watching);
  } catch (const Error& error) {
    // The program runs, and is recorded.
    std::cerr << "mla: " << error.what() << ": it is not watched\n";
    return nullptr;
  }
}

void wait_and_tick(Child& child, const std::string& directory, const Options& options) {
  LiveDirectory recordings(directory);
  Progress progress(!options.quiet);
  const std::unique_ptr<Watching> watching = start_watching(child, directory, options);
  while (!child.wait_for_end(kTickMs)) {
    if (const auto figures = recordings.tick(child.pid())) progress.show(*figures);
    if (watching) watching->tick();
  }
}

std::string ended_how(const Child& child, double seconds) {
  const std::string after = " after " + human_seconds(seconds);
  if (!child.was_signalled())
    return "exited with code " + std::to_string(child.exit_code()) + after;
  return "was killed by signal " + std::to_string(child.signal()) + " (" +
         strsignal(child.signal()) + ")" + after;
}

void report_end(const Options& options, const Child& child, double seconds,
                const std::vector<StoredRecording>& recordings) {
  for (const StoredRecording& recording : recordings) {
    if (recording.problem.empty() && !recording.in_use) continue;
    std::cerr << "mla: process " << recording.pid << ": "
              << (recording.in_use ? "still runs" : "cannot store its recording: ")
              << recording.problem << ": its recording is " << recording.path << '\n';
  }
  if (recordings.empty() || recordings.front().pid != child.pid()) {
    std::cerr << "mla: no recording of " << options.program[0] << ": "
              << why_not_recorded(options.program[0]) << '\n';
  } else if (!options.quiet) {
    try {
      write_run_summary(std::cerr, read_snapshot(recordings.front().path),
                        ended_how(child, seconds));
    } catch (const Error& error) {
      std::cerr << "mla: " << error.what() << '\n';
    }
  }
  if (recordings.size() > 1 && !options.quiet) {
    std::cerr << "mla: and " << recordings.size() - 1 << " more recordings, up to "
              << recordings.back().path << '\n';
  }
}

int run(const Options& options) {
  if (!options.sample.empty()) parse_sampling(options.sample, "--sample");
  if (!options.budget.empty()) check_budget(options.budget);
  check_output(options.output);
  const RecordingDirectory directory(options.directory);
  // musl's dynamic linker ends a program for a library that it cannot load.
  const bool loads_glibc = !inspect_program(options.program[0]).musl;
  const std::vector<std::string> environment = preload_environment(
      {loads_glibc ? find_preload_library() : "", directory.path(), options.allocator,
       !options.no_follow, options.exact ? "exact" : options.sample, options.budget,
       options.python});
  Child child(options.program, environment);
  if (child.exec_errno() != 0) {
    const bool missing = child.exec_errno() == ENOENT || child.exec_errno() == ENOTDIR;
    std::cerr << "mla: " << options.program[0]
              << ": cannot be run: " << std::strerror(child.exec_errno())
              << (missing ? ": check its name and PATH\n" : ": check that it is a program\n");
    return missing ? kExitNotFound : kExitNotExecutable;
  }
  const auto start = std::chrono::steady_clock::now();
  wait_and_tick(child, directory.path(), options);
  const std::chrono::duration<double> lasted = std::chrono::steady_clock::now() - start;
  const std::string file = !options.output.empty() ? options.output
                                                   : "mla-" + base_name(options.program[0]) + "-" +
                                                         std::to_string(child.pid()) + ".mla";
  report_end(options, child, lasted.count(), directory.store(child.pid(), file));
  if (!child.was_signalled()) return child.exit_code();
  const int signal = child.signal();
  std::cerr << std::flush;
  rmdir(directory.path().c_str());
  die_by_signal(signal);
  return 128 + signal;
}

}  // namespace

void add_run(CLI::App& app, const std::vector<std::string>& program, int& exit_code) {
  const auto options = std::make_shared<Options>();
  CLI::App& command =
      add_command(app, "run", "Run a program and record every allocation it makes",
                  "mla run [options] -- CMD [ARGUMENT]...",
                  "Returns the exit code of CMD; dies by the signal CMD died of; 127 when CMD is "
                  "not found and\n"
                  "126 when it cannot be executed.\n\n"
                  "Examples:\n"
                  "  mla run -- python3 run_server.py\n"
                  "  mla run -o server.mla --allocator jemalloc -- ./server --port 8080");
  command
      .add_option("-o,--output", options->output,
                  "Store the recording here, those of children in FILE.PID\n"
                  "(default: mla-CMD-PID.mla in this directory)")
      ->type_name("FILE");
  command
      .add_option("--allocator", options->allocator,
                  "ptmalloc2, jemalloc, tcmalloc, mimalloc or the path of a library")
      ->type_name("NAME");
  command
      .add_option("--dir", options->directory,
                  "Record here until the program ends (default: $MLA_DIR, else\n"
                  "/dev/shm/mla-UID or /tmp/mla-UID)")
      ->type_name("DIR");
  CLI::Option* sample =
      command
          .add_option("--sample", options->sample,
                      "Record one allocation in so many bytes on average, such as 512K\n"
                      "or none (default: $MLA_SAMPLE, else every allocation)")
          ->type_name("BYTES|off");
  CLI::Option* budget = command
                            .add_option("--budget", options->budget,
                                        "Sample as densely as costs this much CPU time, such as 1%")
                            ->type_name("PERCENT");
  command.add_flag("--exact", options->exact, "Record every allocation, whatever $MLA_SAMPLE says")
      ->excludes(sample)
      ->excludes(budget);
  command
      .add_option("--python", options->python,
                  "What to record of CPython: frames, its stacks; objects, also its small\n"
                  "objects; or off (default: $MLA_PYTHON, else frames)")
      ->check(CLI::IsMember({"frames", "objects", "off"}));
  command.add_flag("--no-follow", options->no_follow, "Do not record programs CMD executes");
  command.add_flag("--quiet", options->quiet, "No progress line and no summary");
  CLI::Option* watch = command.add_flag(
      "--watch", options->watch, "Watch it meanwhile, as mla watch PID does: keep its history");
  add_history_option(command, options->watching.file);
  add_notify_options(command, options->watching);
  for (const char* name : {"--db", "--notify", "--message", "--link-base"}) {
    command.get_option(name)->needs(watch);
  }
  command.prefix_command();
  command.callback([options, &command, &program, &exit_code] {
    // Without "--" the command begins at the first word that is no option of ours.
    options->program = program;
    const std::vector<std::string> words = command.remaining();
    if (!words.empty() && words.front().starts_with('-')) {
      throw Error(words.front(), "unknown option", "see mla run --help");
    }
    if (!words.empty() && !program.empty()) {
      throw Error(words.front(), "unexpected argument before --", "see mla run --help");
    }
    if (!words.empty()) options->program = words;
    if (options->program.empty() || options->program[0].empty()) {
      throw Error("mla run", "no program given", "name one: mla run -- CMD [ARGUMENT]...");
    }
    exit_code = run(*options);
  });
}

}  // namespace mla
