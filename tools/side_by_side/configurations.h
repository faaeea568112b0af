// The configurations of a benchmark: allocators, their settings, and what the user adds.
#pragma once

#include <string>
#include <vector>

#include "program_file.h"

namespace mla {

inline constexpr char kAnything = '*';

struct Configuration {
  std::string name;
  std::string library;  // preloaded; empty: what the program has without
  std::string libmla;   // preloaded before it: the path of libmla.so; empty: not preloaded
  std::vector<std::string> settings;  // "VARIABLE=value", LD_PRELOAD not among them
  bool records = false;               // shows what recording costs, and is no candidate
  // What must be found in the process for the figures to count, as the file names of libraries
  // begin: "libjemalloc.". Empty: no allocator's library may be in it. kAnything: nothing is
  // required.
  std::string expected;
};

struct ConfigurationChoice {
  // Of --allocators; empty: every installed one. The first is the baseline.
  std::vector<std::string> allocators;
  bool tune = false;
  std::vector<std::string> added;  // of --config: NAME=[ALLOCATOR][,VARIABLE=VALUE]...
  bool with_mla = false;
};

struct ConfigurationList {
  std::vector<Configuration> all;
  std::vector<std::string> notes;  // what is left out by default, and what was found in the program
  // What was asked for by name and cannot run: "mimalloc: is not installed...".
  std::vector<std::string> missing;
};

// Throws Error for a name that is no allocator, a --config that is malformed, two configurations of
// one name, and when nothing is left that could be run.
ConfigurationList choose_configurations(const ConfigurationChoice& choice,
                                        const ProgramFile& program);

// This process's environment with those of the configuration. Allocators that LD_PRELOAD already
// names, and libmla.so, are taken out of it, other libraries stay. `recording_directory`: where
// libmla.so, if it is preloaded, may put files.
std::vector<std::string> environment_of(const Configuration& configuration,
                                        const std::string& recording_directory);

// What of that a person types in front of the command: "VARIABLE=value".
std::vector<std::string> pasted_environment(const Configuration& configuration);

// The allocator's variables that this process's environment sets, and every run inherits.
std::vector<std::string> inherited_settings();

}  // namespace mla
