// mla watch: samples processes, judges them, keeps their history, and tells when a verdict changes.
#include <cmath>
#include <csignal>
#include <ctime>
#include <iostream>
#include <memory>
#include <string>

#include "commands.h"
#include "output.h"
#include "reader/error.h"
#include "threshold_options.h"
#include "validators.h"
#include "watching/metrics_server.h"
#include "watching/process_source.h"
#include "watching/session.h"
#include "watching/watch_metrics.h"
#include "watching/watch_table.h"

namespace mla {
namespace {

constexpr double kDrainUnaskedS = 30;  // where it ends by itself: --once, a reader that went away
constexpr double kDrainAtEndS = 2;

struct Options {
  std::vector<std::string> targets;
  std::string rule = "statistical";
  std::string build;
  double interval_s = 60;
  bool once = false;
  std::string metrics;  // port; empty: none
  WatchSettings settings;
};

// SIGINT, SIGTERM and SIGHUP end the loop, not the process: blocked, and waited for.
class EndSignals {
 public:
  EndSignals() {
    sigemptyset(&set_);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&set_, signal);
    pthread_sigmask(SIG_BLOCK, &set_, nullptr);
    struct sigaction ignored {};
    ignored.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &ignored, nullptr);  // a failed write says so
    // Inherited as ignored it would keep the exit codes of commands that are run from here.
    struct sigaction standard {};
    standard.sa_handler = SIG_DFL;
    sigaction(SIGCHLD, &standard, nullptr);
  }
  // True: one came within so many seconds.
  bool wait(double seconds) const {
    const double left = std::max(0.0, seconds);
    timespec timeout{};
    timeout.tv_sec = static_cast<time_t>(left);
    timeout.tv_nsec = static_cast<int64_t>((left - static_cast<double>(timeout.tv_sec)) * 1e9);
    return sigtimedwait(&set_, nullptr, &timeout) > 0;
  }

 private:
  sigset_t set_{};
};

double monotonic_s() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

int exit_code_of(const Watcher& watcher) {
  bool decided = false;
  for (const auto& [number, worker] : watcher.workers()) {
    if (!worker.alive) continue;
    if (worker.judged == "leak") return kExitLeak;
    // Retention can be plain where no leak of any rate could have been seen.
    decided = decided || (worker.judged != "insufficient" &&
                          std::isfinite(worker.verdict.detectable_bytes_per_hour));
  }
  return decided ? kExitOk : kExitNotEnough;
}

// What cannot be printed is no reason to end, and with it to tell nobody: it is said once. A reader
// that went away is one, after what waits was sent.
void print(Output& out, WatchSession& session, std::string& said) {
  try {
    out.finish();
  } catch (const BrokenPipe&) {
    session.finish(kDrainUnaskedS);
    throw;
  } catch (const Error& error) {
    out.forget_failure();
    if (said != error.what()) std::cerr << "mla: " << error.what() << "; mla watch goes on\n";
    said = error.what();
  }
}

int watch(const Options& options) {
  HostProcesses processes(options.targets, options.build);
  Output out;
  const EndSignals end;
  std::unique_ptr<MetricsServer> metrics;  // its thread leaves signals to this one
  if (!options.metrics.empty()) {
    metrics = std::make_unique<MetricsServer>(static_cast<uint16_t>(std::stoul(options.metrics)));
    std::cerr << "mla: metrics at http://127.0.0.1:" << metrics->port() << "/metrics\n";
  }
  WatchSession session(processes, options.settings, out.stream());
  const bool table = options.once || out.is_terminal();
  double next_table = 0;
  double next = monotonic_s();
  std::string said;
  while (true) {
    session.sample();
    if (metrics) {
      const std::vector<ProcessMetrics> figures = watch_metrics(session.watcher());
      metrics->publish(metrics_text(figures, MetricsFormat::kOpenMetrics),
                       metrics_text(figures, MetricsFormat::kText));
    }
    const double now = monotonic_s();
    if (table && now >= next_table) {
      write_watch_table(out.stream(), session.watcher());
      next_table = now + options.interval_s;
    }
    if (options.once) {
      out.stream().flush();
      session.finish(kDrainUnaskedS);
      out.finish();
      return exit_code_of(session.watcher());
    }
    print(out, session, said);
    // Samples that could not be taken in time are not made up for.
    next = std::max(next + options.settings.every_s, now);
    if (processes.is_over() || end.wait(next - now)) break;
  }
  session.finish(kDrainAtEndS);
  out.finish();
  return kExitOk;
}

}  // namespace

void add_watch(CLI::App& app, int& exit_code) {
  const auto options = std::make_shared<Options>();
  CLI::App& command = add_command(
      app, "watch", "Watch processes: judge them, keep their history, tell of changes",
      "mla watch [options] PID|NAME...",
      "A NAME is that of a script, a program or a process; processes that come later are watched\n"
      "too. Ends with ^C or SIGTERM, or when all of the PIDs have ended. LIVE+MAP is what the\n"
      "report calls live and mapped together. With --once the exit code is 0 no leak, 1 a leak,\n"
      "3 not enough data; 2 is an error.\n\n"
      "Examples:\n"
      "  mla watch run_server.py --notify wecom:@/etc/mla/wecom-url\n"
      "  mla watch 4711 redis-server --notify mail:oncall@example.org\n"
      "  mla watch --once run_server.py\n"
      "  mla watch --once --dry-run run_server.py --notify slack:@slack-url");
  WatchSettings& settings = options->settings;
  command.add_option("TARGET", options->targets, "What to watch")
      ->type_name("PID|NAME")
      ->required();
  add_history_option(command, settings.file);
  command
      .add_option("--db-size", settings.megabytes,
                  "The history takes no more than this many MiB (256); the\n"
                  "oldest goes first")
      ->type_name("MIB")
      ->check(whole_number(kLeastDatabaseBytes >> 20));
  command.add_option("--every", settings.every_s, "Seconds between two samples (10)")
      ->type_name("SECONDS")
      ->check(positive_number());
  command
      .add_option("--interval", options->interval_s,
                  "Seconds between two tables, on a terminal (60)")
      ->type_name("SECONDS")
      ->check(positive_number());
  CLI::Option* once =
      command.add_flag("--once", options->once, "One sample, a table, and the end: for cron");
  command
      .add_flag("--metrics{9460}", options->metrics,
                "Answer Prometheus at http://127.0.0.1:9460/metrics, or at\n"
                "another port (--metrics=PORT; 0: any free one)")
      ->check(port_number())
      ->excludes(once);
  command
      .add_option("--build", options->build,
                  "Name the release that runs, instead of build-ids and\n"
                  "a hash of the script")
      ->type_name("NAME");
  command
      .add_option("--rule", options->rule, "The rule to judge by (statistical), or the thresholds")
      ->check(CLI::IsMember({"statistical", "founding"}));
  add_threshold_options(command, settings.thresholds);
  command
      .add_option("--excess", settings.thresholds.excess_ratio,
                  "Excess_Ratio: tell when memory is so much above that of\n"
                  "yesterday or of the release before (0.2), by either rule")
      ->type_name("X")
      ->check(finite_number());
  add_notify_options(command, settings);
  command
      .add_option("--retry", settings.first_retry_s,
                  "Seconds until a notification that failed is tried\n"
                  "again (5), then twice as long each time")
      ->type_name("SECONDS")
      ->check(positive_number());
  command
      .add_option("--timeout", settings.time_limit_s, "Seconds an attempt to notify may take (10)")
      ->type_name("SECONDS")
      ->check(number_between(0.1, 3600.0));
  command.add_flag("--dry-run", settings.dry_run,
                   "Send and store nothing; print what would be sent");
  command.callback([options, &command, &exit_code] {
    options->settings.founding = options->rule == "founding";
    if (!options->settings.founding) refuse_thresholds(command, {});
    exit_code = watch(*options);
  });
}

}  // namespace mla
