#include "command_line.h"

#include <algorithm>
#include <numeric>

#include "commands.h"
#include "output.h"
#include "reader/error.h"

namespace mla {
namespace {

class FixedUsage : public CLI::Formatter {
 public:
  explicit FixedUsage(std::string usage) : usage_(std::move(usage)) { column_width(34); }
  std::string make_usage(const CLI::App*, std::string) const override {
    return "Usage: " + usage_ + "\n";
  }
  std::string make_option_name(const CLI::Option* option, bool positional) const override {
    const std::string name = CLI::Formatter::make_option_name(option, positional);
    return name.substr(0, name.find('{'));  // without the value of a flag
  }
  // " FILE", or " live|peak" for a choice; what excludes what is said when it happens.
  std::string make_option_opts(const CLI::Option* option) const override {
    std::string type = option->get_type_name();
    const size_t choice = type.find(":{");
    if (choice != std::string::npos) {
      type = type.substr(choice + 2, type.rfind('}') - choice - 2);
      std::replace(type.begin(), type.end(), ',', '|');
    }
    return type.empty() ? "" : " " + type;
  }

 private:
  std::string usage_;
};

std::vector<std::string> command_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    names.push_back(command->get_name());
  }
  return names;
}

// Levenshtein distance.
size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t above = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1] ? 1 : 0)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

[[noreturn]] void reject_command(const std::string& given, const std::vector<std::string>& names) {
  const auto nearest = std::min_element(names.begin(), names.end(),
                                        [&given](const std::string& a, const std::string& b) {
                                          return edit_distance(given, a) < edit_distance(given, b);
                                        });
  if (edit_distance(given, *nearest) <= std::max<size_t>(1, nearest->size() / 3)) {
    throw Error(given, "is no command of mla", "did you mean mla " + *nearest + "?");
  }
  throw Error(given, "is no command of mla", "see mla --help");
}

std::string joined(const std::vector<std::string>& words, const std::string& between) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : between) + word;
  return text;
}

// CLI11's complaint as one of ours. Its exit codes are many; ours is one.
Error usage_error(const CLI::App& app, const CLI::ParseError& error, const std::string& first) {
  const std::vector<CLI::App*> chosen = app.get_subcommands();
  const std::string name = chosen.empty() ? "mla" : "mla " + chosen.front()->get_name();
  const std::string advice = "see " + name + " --help";
  if (chosen.empty() && first.starts_with('-')) return {first, "unknown option", advice};
  if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::ExtrasError)) {
    std::vector<std::string> extras = app.remaining(true);
    const auto is_option = [](const std::string& word) { return word.starts_with('-'); };
    const auto option = std::find_if(extras.begin(), extras.end(), is_option);
    if (option != extras.end()) return {*option, "unknown option", advice};
    if (!extras.empty()) return {extras.front(), "unexpected argument", advice};
  }
  return {name, error.what(), advice};
}

}  // namespace

CLI::App& add_command(CLI::App& app, const std::string& name, const std::string& does,
                      const std::string& usage, const std::string& examples) {
  CLI::App& command = *app.add_subcommand(name, does);
  command.formatter(std::make_shared<FixedUsage>(usage));
  command.footer(examples);
  return command;
}

int run_command_line(const std::vector<std::string>& arguments) {
  int exit_code = kExitOk;
  std::vector<std::string> ours = arguments;
  std::vector<std::string> program;
  if (!ours.empty() && (ours.front() == "run" || ours.front() == "bench")) {
    const auto marker = std::find(ours.begin(), ours.end(), "--");
    if (marker != ours.end()) program.assign(marker + 1, ours.end());
    ours.erase(marker, ours.end());
  }

  CLI::App app("mla, the memory leak analyser: why is a process as large as it is?", "mla");
  app.formatter(std::make_shared<FixedUsage>("mla COMMAND [options]"));
  app.set_version_flag("--version", "mla " MLA_VERSION, "Print the version and exit");
  app.footer(
      "Exit codes: 0 done, 1 leak (mla leaks) or not all could be measured (mla bench), 2 usage "
      "or\n"
      "unreadable input, 3 not enough data (mla leaks); mla run returns the exit code of the\n"
      "program.\n\nExamples:\n"
      "  mla run -- python3 run_server.py\n"
      "  mla report mla-python3-4711.mla\n"
      "\nmla COMMAND --help tells more about a command.");
  add_run(app, program, exit_code);
  add_report(app, exit_code);
  add_ps(app, exit_code);
  add_ctl(app, exit_code);
  add_analyse(app, exit_code);
  add_leaks(app, exit_code);
  add_why(app, exit_code);
  add_py(app, exit_code);
  add_stacks(app, exit_code);
  add_top(app, exit_code);
  add_watch(app, exit_code);
  add_history(app, exit_code);
  add_push(app, exit_code);
  add_bench(app, program, exit_code);
  add_diff(app, exit_code);
  app.require_subcommand(1);

  const std::vector<std::string> names = command_names(app);
  if (ours.empty()) {
    throw Error("command line", "no command given",
                "give one of " + joined(names, ", ") + ", or see mla --help");
  }
  if (!ours.front().starts_with('-') &&
      std::find(names.begin(), names.end(), ours.front()) == names.end()) {
    reject_command(ours.front(), names);
  }
  std::reverse(ours.begin(), ours.end());  // as CLI11 wants a vector
  try {
    app.parse(ours);
  } catch (const CLI::CallForHelp&) {
    Output out;
    out.stream() << app.help();
    out.finish();
  } catch (const CLI::CallForVersion& version) {
    Output out;
    out.stream() << version.what() << '\n';
    out.finish();
  } catch (const CLI::ParseError& error) {
    throw usage_error(app, error, arguments.front());
  }
  return exit_code;
}

}  // namespace mla
