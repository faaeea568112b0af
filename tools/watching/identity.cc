#include "watching/identity.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <optional>

#include "reader/regular_file.h"
#include "symbols/elf_file.h"

namespace mla {
namespace {

constexpr size_t kIdDigits = 12;
constexpr size_t kScriptBytes = 16 << 20;  // a longer one is no script

std::string base_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

std::string hash_of(const std::string& bytes) {  // FNV-1a, 64 bits
  uint64_t hash = 14695981039346656037ULL;
  for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  std::array<char, 20> hex{};
  std::snprintf(hex.data(), hex.size(), "%016llx", static_cast<unsigned long long>(hash));
  return std::string(hex.data()).substr(0, kIdDigits);
}

struct Script {
  std::string name;
  bool is_module = false;  // of python -m: no file is known
};

// Options of CPython that take the next argument.
bool takes_argument(const std::string& option) {
  return option == "-W" || option == "-X" || option == "--check-hash-based-pycs";
}

bool is_interpreter(const std::string& program) {
  const std::string name = base_name(program);
  constexpr std::array kInterpreters = {"python", "pypy", "perl", "ruby", "node",
                                        "php",    "bash", "dash", "sh"};
  return std::any_of(kInterpreters.begin(), kInterpreters.end(), [&name](const std::string& known) {
    return name == known || (known.size() > 2 && name.starts_with(known));
  });
}

std::optional<Script> script_of(const std::vector<std::string>& arguments,
                                const std::string& program) {
  if (!is_interpreter(program)) return std::nullopt;
  for (size_t i = 1; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (argument == "-m" && i + 1 < arguments.size()) return Script{arguments[i + 1], true};
    if (argument == "-c" || argument == "-e" || argument == "-") return std::nullopt;
    if (takes_argument(argument)) {
      ++i;
    } else if (!argument.empty() && argument[0] != '-') {
      return Script{argument, false};
    }
  }
  return std::nullopt;
}

// The name a program was called by, where that is another name of the same file: Debian's
// redis-server is a link to redis-check-rdb. Of a file that is not here (another host's, a
// container's) a path it was called by is believed, a bare name is not: a program may call itself
// anything.
std::optional<std::string> called_as(const std::vector<std::string>& arguments,
                                     const std::string& program) {
  if (arguments.empty()) return std::nullopt;
  // A title that replaced the arguments has more behind the name: "redis-server *:6379".
  const std::string called = arguments[0].substr(0, arguments[0].find_first_of(" :"));
  const std::string name = base_name(called);
  const bool plain = !name.empty() && name[0] != '-' && name[0] != '.' &&
                     std::all_of(name.begin(), name.end(), [](unsigned char c) {
                       return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.' || c == '+';
                     });
  if (!plain || name == base_name(program)) return std::nullopt;
  std::error_code error;
  if (!std::filesystem::exists(program, error)) {
    return called.size() > name.size() ? std::optional(name) : std::nullopt;
  }
  const auto beside = std::filesystem::path(program).replace_filename(name);
  return std::filesystem::equivalent(beside, program, error) ? std::optional(name) : std::nullopt;
}

std::string program_id(const std::string& path) {
  if (const auto file = ElfFile::open(path)) {
    const std::string id = file->build_id();
    if (!id.empty()) return id.substr(0, kIdDigits);
  }
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) return "unknown";
  return hash_of(std::to_string(status.st_size) + ' ' + std::to_string(status.st_mtime));
}

std::string program_of(pid_t pid) {
  std::error_code ignored;
  return std::filesystem::read_symlink("/proc/" + std::to_string(pid) + "/exe", ignored).string();
}

}  // namespace

std::vector<std::string> command_line_of(pid_t pid) {
  const std::string text = read_regular_file("/proc/" + std::to_string(pid) + "/cmdline");
  std::vector<std::string> arguments;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\0', begin), text.size());
    arguments.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  while (!arguments.empty() && arguments.back().empty()) arguments.pop_back();
  return arguments;
}

std::string service_of(const std::vector<std::string>& arguments, const std::string& program) {
  if (const auto script = script_of(arguments, program)) return base_name(script->name);
  if (!program.empty()) {
    const auto called = is_interpreter(program) ? std::nullopt : called_as(arguments, program);
    return called.value_or(base_name(program));
  }
  return arguments.empty() ? "" : base_name(arguments[0]);
}

std::string command_of(const std::vector<std::string>& arguments) {
  if (arguments.size() == 1) return arguments[0].substr(0, arguments[0].find(": "));
  std::string command;
  for (const std::string& argument : arguments) {
    if (!command.empty()) command += ' ';
    command += argument;
  }
  return command;
}

std::string build_of(pid_t pid, const std::vector<std::string>& arguments) {
  const std::string directory = "/proc/" + std::to_string(pid);
  std::string program = program_id(directory + "/exe");
  const auto script = script_of(arguments, program_of(pid));
  if (!script || script->is_module) return program;
  // As the process sees it: in its directory, and in its root.
  const std::string from = script->name[0] == '/' ? "root" : "cwd/";
  const std::string path = directory + '/' + from + script->name;
  const std::string contents = read_regular_file(path, kScriptBytes + 1);
  if (contents.empty() || contents.size() > kScriptBytes) return script->name + '+' + program;
  return base_name(script->name) + '-' + hash_of(contents) + '+' + program;
}

}  // namespace mla
