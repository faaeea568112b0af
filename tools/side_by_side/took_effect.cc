#include "side_by_side/took_effect.h"

#include <algorithm>

#include "program_file.h"

namespace mla {
namespace {

std::string base_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

}  // namespace

std::string why_no_effect(const Configuration& configuration, const TreeSampler::Largest& largest) {
  const bool anything = configuration.expected == std::string(1, kAnything);
  if (anything || largest.state == Mappings::kUnreadable) return "";
  const std::string process = largest.executable + " (pid " + std::to_string(largest.pid) + ")";
  const auto& libraries = largest.libraries;
  if (configuration.expected.empty()) {
    const auto allocator = std::find_if(libraries.begin(), libraries.end(), is_allocator_library);
    return allocator == libraries.end() ? "" : process + " has loaded " + *allocator;
  }
  const bool loaded =
      std::any_of(libraries.begin(), libraries.end(), [&](const std::string& library) {
        return base_name(library).starts_with(configuration.expected);
      });
  const bool preloads = !configuration.library.empty() || !configuration.libmla.empty();
  if (!preloads && loaded) return "";  // linked by the program itself
  std::string why = why_no_preload(inspect_program(largest.executable));
  if (!why.empty()) return why;
  return loaded ? "" : process + " has not loaded " + configuration.expected + "so";
}

}  // namespace mla
