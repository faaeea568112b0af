// The subcommands. Each function adds one to `app`; its callback does the work, throws Error on
// failure and stores the exit code of the process in `exit_code`.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace mla {

// `program`: what follows "--" on the command line; outlives the parsing.
void add_run(CLI::App& app, const std::vector<std::string>& program, int& exit_code);
void add_bench(CLI::App& app, const std::vector<std::string>& program, int& exit_code);
void add_report(CLI::App& app, int& exit_code);
void add_diff(CLI::App& app, int& exit_code);
void add_ctl(CLI::App& app, int& exit_code);
void add_ps(CLI::App& app, int& exit_code);
void add_analyse(CLI::App& app, int& exit_code);
void add_leaks(CLI::App& app, int& exit_code);
void add_why(CLI::App& app, int& exit_code);
void add_py(CLI::App& app, int& exit_code);
void add_stacks(CLI::App& app, int& exit_code);
void add_top(CLI::App& app, int& exit_code);
void add_watch(CLI::App& app, int& exit_code);
void add_push(CLI::App& app, int& exit_code);
void add_history(CLI::App& app, int& exit_code);

// A subcommand with its usage line ("mla ps [options]") and its examples, shown by --help.
CLI::App& add_command(CLI::App& app, const std::string& name, const std::string& does,
                      const std::string& usage, const std::string& examples);

inline constexpr int kExitOk = 0;
inline constexpr int kExitLeak = 1;
inline constexpr int kExitPart = 1;   // mla bench: some configurations could not be measured
inline constexpr int kExitError = 2;  // usage, unreadable input, output that cannot be written
inline constexpr int kExitNotEnough =
    3;  // not enough data for a verdict; mla ctl: not taken up in time

}  // namespace mla
