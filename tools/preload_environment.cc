#include "preload_environment.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string_view>

#include "reader/error.h"

namespace mla {
namespace {

namespace fs = std::filesystem;

struct Allocator {
  std::string_view name;
  std::string_view debian_package;
  std::vector<std::string_view> libraries;  // the better one first
};

const std::vector<Allocator>& allocators() {
  static const std::vector<Allocator> known{
      {"jemalloc", "libjemalloc2", {"libjemalloc.so.2"}},
      {"tcmalloc", "libtcmalloc-minimal4", {"libtcmalloc_minimal.so.4", "libtcmalloc.so.4"}},
      {"mimalloc", "libmimalloc2.0", {"libmimalloc.so.2", "libmimalloc.so.2.0"}},
  };
  return known;
}

std::string variable(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): mla has one thread
  return value == nullptr ? "" : value;
}

std::vector<std::string> library_directories() {
  std::vector<std::string> directories;
  std::string paths = variable("LD_LIBRARY_PATH");
  while (!paths.empty()) {
    const size_t colon = paths.find(':');
    if (colon != 0) directories.push_back(paths.substr(0, colon));
    paths = colon == std::string::npos ? "" : paths.substr(colon + 1);
  }
  for (const char* usual : {"/usr/local/lib", "/usr/lib/" MLA_MULTIARCH, "/lib/" MLA_MULTIARCH,
                            "/usr/lib64", "/lib64", "/usr/lib", "/lib"}) {
    directories.emplace_back(usual);
  }
  return directories;
}

bool is_file(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}

// LD_PRELOAD is cut at colons and blanks, and has no way to quote them.
std::string preloadable(const std::string& path) {
  if (path.find_first_of(": \t\n") != std::string::npos) {
    throw Error(path, "LD_PRELOAD cannot name a path with a colon or a blank in it",
                "move or link the library to another path");
  }
  return path;
}

std::string base_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

}  // namespace

std::string find_preload_library() {
  const std::string chosen = variable("MLA_LIBRARY");
  if (!chosen.empty()) {
    if (!is_file(chosen)) {
      throw Error(chosen, "MLA_LIBRARY names no file", "set it to the path of libmla.so");
    }
    return preloadable(fs::absolute(chosen).lexically_normal().string());
  }
  std::error_code ignored;
  const fs::path here = fs::read_symlink("/proc/self/exe", ignored).parent_path();
  for (const char* place : {"../preload/libmla.so", "../" MLA_INSTALL_LIBDIR "/libmla.so",
                            "../lib/libmla.so", "../lib/" MLA_MULTIARCH "/libmla.so"}) {
    const fs::path path = (here / place).lexically_normal();
    if (is_file(path)) return preloadable(path.string());
  }
  throw Error("libmla.so", "not found beside " + here.string(),
              "install it with mla, or set MLA_LIBRARY to its path");
}

std::string find_allocator_library(const std::string& allocator) {
  if (allocator == "ptmalloc2") return "";
  if (allocator.starts_with('/')) {
    if (is_file(allocator)) return preloadable(allocator);
    throw Error(allocator, "no such library", "give --allocator the path of an installed one");
  }
  for (const Allocator& known : allocators()) {
    if (known.name != allocator) continue;
    for (const std::string_view library : known.libraries) {
      for (const std::string& directory : library_directories()) {
        const fs::path path = fs::path(directory) / library;
        if (is_file(path)) return preloadable(path.string());
      }
    }
    throw Error(allocator, "is not installed (no " + std::string(known.libraries[0]) + ")",
                "apt-get install " + std::string(known.debian_package));
  }
  throw Error(allocator, "is no allocator mla knows",
              "give --allocator ptmalloc2, jemalloc, tcmalloc, mimalloc or an absolute path");
}

std::vector<std::string> known_allocators() {
  std::vector<std::string> names{"ptmalloc2"};
  for (const Allocator& known : allocators()) names.emplace_back(known.name);
  return names;
}

std::vector<std::string> preload_environment(const PreloadSettings& settings) {
  if (settings.library.empty()) {
    std::vector<std::string> unchanged;
    for (char** entry = environ; *entry != nullptr; ++entry) unchanged.emplace_back(*entry);
    return unchanged;
  }
  std::string preload = settings.library;
  const std::string users = variable("LD_PRELOAD");
  if (!settings.allocator.empty()) {
    const std::string library = find_allocator_library(settings.allocator);
    const bool already = !library.empty() && users.find(base_name(library)) != std::string::npos;
    if (!library.empty() && !already) preload += ":" + library;
  }
  if (!users.empty()) preload += ":" + users;

  std::vector<std::string> ours{"LD_PRELOAD=" + preload, "MLA_DIR=" + settings.directory};
  if (!settings.allocator.empty()) ours.push_back("MLA_ALLOCATOR=" + settings.allocator);
  if (!settings.follow) ours.emplace_back("MLA_FOLLOW=0");
  const bool exact = settings.sample == "exact";
  if (exact || !settings.sample.empty()) {
    ours.push_back("MLA_SAMPLE=" + (exact ? "" : settings.sample));
  }
  if (exact || !settings.budget.empty()) ours.push_back("MLA_BUDGET=" + settings.budget);

  if (!settings.python.empty()) ours.push_back("MLA_PYTHON=" + settings.python);

  std::vector<std::string> result;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view old = *entry;
    bool replaced = false;
    for (const std::string& ours_entry : ours) {
      const std::string_view name(ours_entry.data(), ours_entry.find('=') + 1);
      replaced = replaced || old.starts_with(name);
    }
    if (!replaced) result.emplace_back(old);
  }
  result.insert(result.end(), ours.begin(), ours.end());
  return result;
}

}  // namespace mla
