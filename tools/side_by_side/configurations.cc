#include "side_by_side/configurations.h"

#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <set>
#include <sstream>

#include "preload_environment.h"
#include "reader/error.h"
#include "reader/regular_file.h"
#include "side_by_side/settings_matrix.h"

namespace mla {
namespace {

std::string base_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

// "libjemalloc." of /usr/lib/libjemalloc.so.2: as the file it links to is called, too.
std::string family_of(const std::string& library) {
  const std::string name = base_name(library);
  return name.substr(0, name.find(".so")) + ".";
}

// The C library this process itself has loaded.
std::string c_library() {
  std::ifstream maps("/proc/self/maps");
  std::string line;
  while (std::getline(maps, line)) {
    if (line.ends_with("/libc.so.6")) return line.substr(line.find('/'));
  }
  throw Error("libc.so.6", "is not among the libraries of mla", "please report it");
}

bool contains(const std::string& path, const std::string& text) {
  return read_regular_file(path).find(text) != std::string::npos;
}

bool is_variable_name(const std::string& name) {
  return !name.empty() && std::isdigit(static_cast<unsigned char>(name[0])) == 0 &&
         std::all_of(name.begin(), name.end(),
                     [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; });
}

// Cut at commas that a "VARIABLE=" follows: values may hold commas, as those of MALLOC_CONF do.
std::vector<std::string> split_assignments(const std::string& text) {
  std::vector<std::string> parts;
  std::istringstream pieces(text);
  std::string piece;
  while (std::getline(pieces, piece, ',')) {
    const size_t equals = piece.find('=');
    const bool begins = equals != std::string::npos && is_variable_name(piece.substr(0, equals));
    if (parts.empty() || begins) {
      parts.push_back(piece);
    } else {
      parts.back() += "," + piece;
    }
  }
  return parts;
}

class Chooser {
 public:
  Chooser(const ConfigurationChoice& choice, const ProgramFile& program)
      : choice_(choice), program_(program), unreachable_(why_no_preload(program)) {}

  ConfigurationList choose() {
    tell_of_the_program();
    std::vector<Configuration> bases;
    for (const std::string& allocator : allocators()) {
      const bool asked = !choice_.allocators.empty();
      if (const auto base = base_of(allocator, asked)) bases.push_back(*base);
    }
    if (bases.empty()) {
      const std::string why = list_.missing.empty() ? unreachable_ : list_.missing.front();
      throw Error("mla bench", "no allocator to measure (" + why + ")",
                  "choose others with --allocators");
    }
    list_.all = bases;
    for (const std::string& text : choice_.added) add_users(text);
    if (choice_.tune) {
      for (const Configuration& base : bases) add_matrix(base);
    }
    if (choice_.with_mla) add_recording(bases.front());
    check_names();
    return std::move(list_);
  }

 private:
  // What the program is served by without a preload, as an allocator's name; else ptmalloc2.
  std::string own_allocator() const {
    const std::string& linked = program_.linked_allocator;
    for (const char* name : {"jemalloc", "tcmalloc", "mimalloc"}) {
      if (linked.starts_with(std::string("lib") + name)) return name;
    }
    return linked.empty() ? "ptmalloc2" : linked;
  }

  std::vector<std::string> allocators() {
    if (!choice_.allocators.empty()) return choice_.allocators;
    std::vector<std::string> all = known_allocators();
    const std::string own = own_allocator();
    all.erase(std::remove(all.begin(), all.end(), own), all.end());
    all.insert(all.begin(), own);  // the baseline is the program as it is
    return all;
  }

  void tell_of_the_program() {
    if (!unreachable_.empty()) {
      list_.notes.push_back(unreachable_ + "; only its own allocator's settings can be tried");
    }
    if (program_.go) {
      list_.notes.push_back(program_.path +
                            " is a Go program: its heap is Go's own, and an allocator serves only "
                            "its C code");
    }
    if (!program_.linked_allocator.empty()) {
      list_.notes.push_back(program_.path + " links " + program_.linked_allocator +
                            ", which serves it without a preload");
    }
    if (!program_.allocator_call.empty()) {
      list_.notes.push_back(program_.path + " calls " + program_.allocator_call +
                            " of its own allocator: under another one it may fail in places that "
                            "this benchmark does not reach");
    }
    if (!program_.embedded_allocator.empty() && program_.linked_allocator.empty()) {
      list_.notes.push_back(program_.path + " contains " + program_.embedded_allocator +
                            "'s messages: what it allocates with a copy of its own is out of "
                            "reach");
    }
  }

  // Empty: it cannot run, which is told. `asked`: the user named it.
  std::optional<Configuration> base_of(const std::string& allocator, bool asked) {
    Configuration base;
    base.name = base_name(allocator);
    if (allocator == own_allocator()) {
      if (!program_.linked_allocator.empty()) base.expected = family_of(program_.linked_allocator);
      return base;
    }
    try {
      base.library = find_allocator_library(allocator);
    } catch (const Error& error) {
      const auto known = known_allocators();
      if (std::find(known.begin(), known.end(), allocator) == known.end()) {
        throw Error(error.subject(), error.why(),
                    "name ptmalloc2, jemalloc, tcmalloc, mimalloc or an installed library's path");
      }
      (asked ? list_.missing : list_.notes).emplace_back(error.what());
      return std::nullopt;
    }
    if (allocator == "ptmalloc2") base.library = c_library();
    base.expected = family_of(base.library);
    if (!unreachable_.empty()) {
      if (asked) list_.missing.push_back(allocator + ": " + unreachable_);
      return std::nullopt;
    }
    return base;
  }

  void add_matrix(const Configuration& base) {
    std::string library = base.library;
    if (library.empty() && base.name != "ptmalloc2") library = find_allocator_library(base.name);
    for (const AllocatorSetting& setting : settings_matrix(base.name, library)) {
      Configuration configuration = base;
      configuration.name += " " + setting.name;
      configuration.settings.push_back(setting.variable);
      list_.all.push_back(configuration);
    }
    if (base.name == "ptmalloc2") add_trimming(base);
    if (program_.is_python) {
      Configuration configuration = base;
      configuration.name += " PYTHONMALLOC=malloc";
      configuration.settings.emplace_back("PYTHONMALLOC=malloc");
      list_.all.push_back(configuration);
    }
  }

  // glibc gives back only what lies at the end of a heap, unless malloc_trim is called.
  void add_trimming(const Configuration& base) {
    if (!unreachable_.empty()) return;
    Configuration configuration = base;
    configuration.name += " + trim=1s";
    configuration.libmla = find_preload_library();
    if (!contains(configuration.libmla, "MLA_TRIM_INTERVAL")) {
      list_.notes.push_back(configuration.libmla + " cannot trim: " + configuration.name +
                            " is left out");
      return;
    }
    configuration.settings = {"MLA_SAMPLE=off", "MLA_TRIM_INTERVAL=1s"};
    configuration.expected = family_of(configuration.libmla);
    list_.all.push_back(configuration);
  }

  void add_recording(const Configuration& base) {
    if (!unreachable_.empty()) {
      list_.missing.push_back("--with-mla: " + unreachable_);
      return;
    }
    Configuration configuration = base;
    configuration.name += " + mla";
    configuration.libmla = find_preload_library();
    configuration.records = true;
    list_.all.push_back(configuration);
  }

  void add_users(const std::string& text) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0) {
      throw Error("--config " + text, "is not NAME=[ALLOCATOR][,VARIABLE=VALUE]...",
                  "see mla bench --help");
    }
    std::string allocator = own_allocator();
    std::vector<std::string> settings;
    std::string preload;
    const std::vector<std::string> parts = split_assignments(text.substr(equals + 1));
    for (const std::string& part : parts) {
      const size_t at = part.find('=');
      if (at != std::string::npos && is_variable_name(part.substr(0, at))) {
        if (part.starts_with("LD_PRELOAD=")) {
          preload = part.substr(at + 1);
        } else {
          settings.push_back(part);
        }
      } else if (&part == parts.data() && !part.empty()) {
        allocator = part;
      } else {
        throw Error("--config " + text, "'" + part + "' is neither an allocator nor VARIABLE=VALUE",
                    "see mla bench --help");
      }
    }
    std::optional<Configuration> configuration = base_of(allocator, true);
    if (!configuration) return;
    if (!preload.empty()) {
      configuration->library += (configuration->library.empty() ? "" : ":") + preload;
      configuration->expected = std::string(1, kAnything);
    }
    configuration->name = text.substr(0, equals);
    configuration->settings = settings;
    list_.all.push_back(*configuration);
  }

  void check_names() const {
    std::set<std::string> names;
    for (const Configuration& configuration : list_.all) {
      if (names.insert(configuration.name).second) continue;
      throw Error(configuration.name, "names two configurations",
                  "give each --config a name of its own");
    }
  }

  const ConfigurationChoice& choice_;
  const ProgramFile& program_;
  std::string unreachable_;  // why nothing can be preloaded
  ConfigurationList list_;
};

std::string variable(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): mla has one thread
  return value == nullptr ? "" : value;
}

// What of the user's LD_PRELOAD is neither an allocator nor libmla.so.
std::string users_preload() {
  std::string kept;
  std::string all = variable("LD_PRELOAD");
  std::replace(all.begin(), all.end(), ':', ' ');
  std::istringstream words(all);
  std::string word;
  while (words >> word) {
    if (is_allocator_library(word) || base_name(word) == "libmla.so") continue;
    kept += (kept.empty() ? "" : ":") + word;
  }
  return kept;
}

std::string preload_of(const Configuration& configuration) {
  if (configuration.libmla.empty()) return configuration.library;
  if (configuration.library.empty()) return configuration.libmla;
  return configuration.libmla + ":" + configuration.library;
}

}  // namespace

ConfigurationList choose_configurations(const ConfigurationChoice& choice,
                                        const ProgramFile& program) {
  return Chooser(choice, program).choose();
}

std::vector<std::string> environment_of(const Configuration& configuration,
                                        const std::string& recording_directory) {
  std::vector<std::string> ours = configuration.settings;
  std::string preload = preload_of(configuration);
  if (!configuration.libmla.empty()) ours.push_back("MLA_DIR=" + recording_directory);
  const std::string users = users_preload();
  if (!users.empty()) preload += (preload.empty() ? "" : ":") + users;
  if (!preload.empty()) ours.push_back("LD_PRELOAD=" + preload);

  std::vector<std::string> result;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string old = *entry;
    const std::string name = old.substr(0, old.find('=') + 1);
    const bool replaced = name == "LD_PRELOAD=" ||
                          std::any_of(ours.begin(), ours.end(), [&name](const std::string& one) {
                            return one.starts_with(name);
                          });
    if (!replaced) result.push_back(old);
  }
  result.insert(result.end(), ours.begin(), ours.end());
  return result;
}

std::vector<std::string> pasted_environment(const Configuration& configuration) {
  std::vector<std::string> pasted;
  const std::string preload = preload_of(configuration);
  if (!preload.empty()) pasted.push_back("LD_PRELOAD=" + preload);
  pasted.insert(pasted.end(), configuration.settings.begin(), configuration.settings.end());
  return pasted;
}

std::vector<std::string> inherited_settings() {
  std::vector<std::string> found;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    for (const char* start :
         {"MALLOC_", "GLIBC_TUNABLES=", "TCMALLOC_", "MIMALLOC_", "PYTHONMALLOC=", "LD_PRELOAD="}) {
      if (text.starts_with(start)) found.push_back(text);
    }
  }
  return found;
}

}  // namespace mla
