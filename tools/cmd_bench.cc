// mla bench: a command under several allocators and settings, side by side.
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "commands.h"
#include "comparison/compare.h"
#include "output.h"
#include "program_file.h"
#include "reader/error.h"
#include "report/bench_json.h"
#include "report/bench_text.h"
#include "report/html_bench.h"
#include "report_html.h"
#include "side_by_side/configurations.h"
#include "side_by_side/rounds.h"
#include "validators.h"

namespace mla {
namespace {

struct Options {
  ConfigurationChoice choice;
  size_t rounds = 7;
  uint64_t seed = 1;
  double margin_percent = 3;
  double max_cost_percent = 5;
  std::string by;
  std::string metric;
  std::string better = "higher";
  std::string ready;
  std::string load;
  double idle_s = 0;
  double timeout_s = 0;
  std::string json;
  std::string html;
  std::vector<std::string> program;
};

std::regex parse_metric(const std::string& expression) {
  try {
    return std::regex(expression);
  } catch (const std::regex_error&) {
    throw Error("--metric " + expression, "is no regular expression (ECMAScript)",
                "give one whose first group is a number, such as '([0-9.]+) requests/s'");
  }
}

TrialSettings trial_settings(const Options& options) {
  TrialSettings settings;
  settings.command = options.program;
  if (!options.ready.empty()) settings.ready = Readiness(options.ready);
  settings.ready_address = options.ready;
  settings.load = options.load;
  settings.idle_s = options.idle_s;
  if (options.timeout_s > 0) settings.timeout_s = options.timeout_s;
  if (!options.metric.empty()) settings.metric = parse_metric(options.metric);
  if (!options.load.empty() && !settings.ready) {
    throw Error("--load", "there is nothing that tells when the server is ready",
                "give --ready HOST:PORT or --ready http://HOST:PORT/PATH");
  }
  if (settings.ready && options.load.empty() && options.idle_s == 0) {
    throw Error("--ready", "a server that is only started shows nothing",
                "give it --load 'CMD', or time with --idle SECONDS");
  }
  return settings;
}

Measure judged_memory(const Options& options) {
  const bool idle = options.idle_s > 0;
  const bool steady = !options.load.empty();
  const Measure measure = options.by.empty() ? (idle     ? Measure::kIdle
                                                : steady ? Measure::kSteady
                                                         : Measure::kPeak)
                                             : *measure_of(options.by);
  if (measure == Measure::kIdle && !idle) {
    throw Error("--by idle", "the command is given no idle time", "give it with --idle SECONDS");
  }
  if (measure == Measure::kSteady && !steady) {
    throw Error("--by steady", "the command is put under no load", "give one with --load 'CMD'");
  }
  return measure;
}

Measure judged_time(const Options& options) {
  return options.metric.empty() ? Measure::kCpu : Measure::kMetric;
}

Benchmark empty_benchmark(const Options& options, const ConfigurationList& list) {
  Benchmark benchmark;
  benchmark.command = options.program;
  benchmark.ready = options.ready;
  benchmark.load = options.load;
  benchmark.idle_s = options.idle_s;
  benchmark.metric = options.metric;
  benchmark.seed = options.seed;
  benchmark.rounds_asked = options.rounds;
  benchmark.judged_memory = judged_memory(options);
  benchmark.judged_time = judged_time(options);
  benchmark.higher_metric_is_better = options.better == "higher";
  benchmark.margin = options.margin_percent / 100;
  benchmark.max_cost = options.max_cost_percent / 100;
  benchmark.missing = list.missing;
  benchmark.notes = list.notes;
  for (const std::string& setting : inherited_settings()) {
    benchmark.notes.push_back("every run inherits " + setting);
  }
  for (const Configuration& configuration : list.all) {
    BenchConfiguration one;
    one.name = configuration.name;
    one.environment = pasted_environment(configuration);
    one.records = configuration.records;
    benchmark.configurations.push_back(one);
  }
  return benchmark;
}

void print_result(const Options& options, const Benchmark& benchmark) {
  const Comparison comparison = compare(benchmark);
  if (!options.json.empty() && options.json != "-") {
    Output file(options.json);
    write_bench_json(file.stream(), benchmark, comparison);
    file.finish();
  }
  if (!options.html.empty()) write_html(options.html, html_bench(benchmark, comparison));
  Output out;
  if (options.json == "-") {
    write_bench_json(out.stream(), benchmark, comparison);
  } else {
    const char* no_colour = std::getenv("NO_COLOR");  // NOLINT(concurrency-mt-unsafe): one thread
    const bool colour = out.is_terminal() && (no_colour == nullptr || *no_colour == '\0');
    write_bench_text(out.stream(), benchmark, comparison, colour);
  }
  out.finish();
}

int exit_code_of(const Benchmark& benchmark, int signal) {
  if (signal != 0) return 128 + signal;
  size_t failed = 0;
  for (const BenchConfiguration& one : benchmark.configurations) {
    failed += one.problem.empty() ? 0 : 1;
  }
  if (failed == benchmark.configurations.size()) return kExitError;
  return failed != 0 || !benchmark.missing.empty() ? kExitPart : kExitOk;
}

int bench(const Options& options) {
  const TrialSettings settings = trial_settings(options);
  const ProgramFile program = inspect_program(options.program[0]);
  if (access(program.path.c_str(), X_OK) != 0) {
    throw Error(options.program[0], std::string("cannot be run: ") + std::strerror(errno),
                "check its name and PATH");
  }
  const ConfigurationList list = choose_configurations(options.choice, program);
  Benchmark benchmark = empty_benchmark(options, list);
  if (!options.json.empty() && options.json != "-") Output(options.json).finish();
  if (!options.html.empty()) {
    require_page();
    Output(options.html).finish();
  }
  for (const std::string& missing : list.missing) std::cerr << "mla: " << missing << '\n';
  const int signal = run_rounds(settings, list.all, isatty(STDERR_FILENO) == 1, benchmark);
  print_result(options, benchmark);
  return exit_code_of(benchmark, signal);
}

void add_configuration_options(CLI::App& command, ConfigurationChoice& choice) {
  const char* group = "Configurations";
  command
      .add_option("--allocators", choice.allocators,
                  "ptmalloc2, jemalloc, tcmalloc, mimalloc or paths of libraries;\n"
                  "the first is the baseline (default: what the program has,\n"
                  "then all that are installed)")
      ->delimiter(',')
      ->type_name("NAME,...")
      ->group(group);
  command.add_flag("--tune", choice.tune, "Try the settings of each allocator, too")->group(group);
  command
      .add_option("--config", choice.added,
                  "One more: NAME=[ALLOCATOR][,VARIABLE=VALUE]...; may be repeated")
      ->type_name("NAME=...")
      ->take_all()
      ->allow_extra_args(false)
      ->group(group);
  command.add_flag("--with-mla", choice.with_mla, "The baseline under mla too: what mla costs")
      ->group(group);
}

void add_server_options(CLI::App& command, Options& options) {
  const char* group = "Servers";
  command
      .add_option("--ready", options.ready,
                  "CMD is a server, ready when it answers at HOST:PORT or\nhttp://HOST:PORT/PATH")
      ->type_name("ADDRESS")
      ->group(group);
  command.add_option("--load", options.load, "Then run this, a fixed amount of work; by a shell")
      ->type_name("CMD")
      ->group(group);
  command.add_option("--idle", options.idle_s, "Then leave it idle for so long; then SIGTERM")
      ->type_name("SECONDS")
      ->check(positive_number())
      ->group(group);
  command
      .add_option("--timeout", options.timeout_s,
                  "Give up a server that is not ready by then (60), a load or a\n"
                  "command that runs for longer (never)")
      ->type_name("SECONDS")
      ->check(positive_number())
      ->group(group);
}

void add_judging_options(CLI::App& command, Options& options) {
  const char* group = "Judging";
  command.add_option("--rounds", options.rounds, "Most rounds; fewer than 5 decide nothing (7)")
      ->type_name("N")
      ->check(whole_number(1))
      ->group(group);
  command.add_option("--seed", options.seed, "Of the order of the runs and of the intervals (1)")
      ->type_name("N")
      ->check(whole_number(0))
      ->group(group);
  command.add_option("--by", options.by, "The memory to judge by (default: the last measured)")
      ->check(CLI::IsMember({"peak", "steady", "idle", "integral"}))
      ->group(group);
  CLI::Option* metric =
      command
          .add_option("--metric", options.metric,
                      "Judge speed by the number this finds in the output of the\n"
                      "load or of CMD, not by CPU time")
          ->type_name("REGEX")
          ->group(group);
  command.add_option("--better", options.better, "Which metric is better (higher)")
      ->check(CLI::IsMember({"higher", "lower"}))
      ->needs(metric)
      ->group(group);
  command.add_option("--margin", options.margin_percent, "A smaller difference is none (3)")
      ->type_name("PERCENT")
      ->check(positive_number())
      ->group(group);
  command
      .add_option("--max-cost", options.max_cost_percent,
                  "Time that a recommended configuration may cost (5)")
      ->type_name("PERCENT")
      ->check(positive_number())
      ->group(group);
}

}  // namespace

void add_bench(CLI::App& app, const std::vector<std::string>& program, int& exit_code) {
  const auto options = std::make_shared<Options>();
  CLI::App& command = add_command(
      app, "bench", "Run a command under several allocators, and say which is worth having",
      "mla bench [options] -- CMD [ARGUMENT]...",
      "Exit codes: 0 all measured, 1 some configurations could not be measured, 2 usage, or none\n"
      "could; 130 interrupted, with what was finished printed.\n\n"
      "Examples:\n"
      "  mla bench -- ./batch-job input.dat\n"
      "  mla bench --tune --ready 127.0.0.1:8080 --load './load --requests 10000' --idle 10 \\\n"
      "      -- python3 run_server.py --port 8080\n"
      "  mla bench --allocators ptmalloc2 --config one=MALLOC_ARENA_MAX=1 -- ./server");
  add_configuration_options(command, options->choice);
  add_server_options(command, *options);
  add_judging_options(command, *options);
  command.add_option("--json", options->json, "Write JSON to this file; - is standard output")
      ->type_name("FILE");
  command
      .add_option("--html", options->html,
                  "Write one self-contained page for a browser to this file:\n"
                  "memory over time, what each saves and costs")
      ->type_name("FILE");
  command.callback([options, &program, &exit_code] {
    options->program = program;
    if (program.empty() || program[0].empty()) {
      throw Error("mla bench", "no command given", "name one: mla bench -- CMD [ARGUMENT]...");
    }
    exit_code = bench(*options);
  });
}

}  // namespace mla
