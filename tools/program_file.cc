#include "program_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "elf_program.h"

namespace mla {
namespace {

std::string find_in_path(const std::string& program) {
  if (program.find('/') != std::string::npos) return program;
  const char* path = std::getenv("PATH");  // NOLINT(concurrency-mt-unsafe): mla has one thread
  std::istringstream directories(path == nullptr ? "/bin:/usr/bin" : path);
  std::string directory;
  while (std::getline(directories, directory, ':')) {
    std::string candidate = (directory.empty() ? "." : directory) + "/" + program;
    if (access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return program;
}

// The interpreter of a #! script, else the file itself. Of "#!/usr/bin/env NAME" it is NAME.
std::string executed_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::string line;
  if (!std::getline(in, line) || !line.starts_with("#!")) return path;
  std::istringstream words(line.substr(2));
  std::string interpreter;
  words >> interpreter;
  std::string argument;
  if (interpreter.ends_with("/env") && words >> argument && !argument.starts_with('-')) {
    return find_in_path(argument);
  }
  return interpreter;
}

// Messages that each allocator prints with its name: they are in every program that contains it.
constexpr std::array<std::array<const char*, 2>, 3> kMessages{
    {{"jemalloc", "<jemalloc>: "}, {"mimalloc", "mimalloc: error: "}, {"tcmalloc", "tcmalloc: "}}};

std::string embedded_allocator(const std::string& path) {
  constexpr size_t kChunk = 1 << 20;
  constexpr size_t kOverlap = 32;  // longer than any message
  std::ifstream in(path, std::ios::binary);
  std::string window;
  std::string chunk(kChunk, '\0');
  while (in) {
    in.read(chunk.data(), kChunk);
    window.append(chunk, 0, static_cast<size_t>(in.gcount()));
    for (const auto& [allocator, message] : kMessages) {
      if (window.find(message) != std::string::npos) return allocator;
    }
    window.erase(0, window.size() - std::min(window.size(), kOverlap));
  }
  return "";
}

std::string allocator_call(const ElfProgram& program) {
  for (const char* call :
       {"mallctl", "mallocx", "rallocx", "sdallocx", "je_mallctl", "mi_malloc", "mi_heap_new",
        "mi_option_set", "tc_malloc", "MallocExtension_GetNumericProperty"}) {
    if (program.needed.count(call) != 0) return call;
  }
  return "";
}

}  // namespace

bool is_allocator_library(const std::string& path) {
  const std::string name = path.substr(path.rfind('/') + 1);
  for (const char* start : {"libjemalloc.", "libjemalloc-", "libtcmalloc.", "libtcmalloc_",
                            "libtcmalloc-", "libmimalloc.", "libmimalloc-", "libhoard.",
                            "libsnmalloc", "libtbbmalloc_proxy", "librpmalloc", "libscudo."}) {
    if (name.starts_with(start)) return true;
  }
  return false;
}

ProgramFile inspect_program(const std::string& program) {
  ProgramFile file;
  file.path = executed_file(find_in_path(program));
  for (const std::string& name : {program, file.path}) {
    if (name.substr(name.rfind('/') + 1).starts_with("python")) file.is_python = true;
  }
  struct stat status {};
  file.set_id = stat(file.path.c_str(), &status) == 0 &&
                (status.st_mode & (S_ISUID | S_ISGID)) != 0 && geteuid() != 0;
  const ElfProgram elf = read_elf_program(file.path);
  file.is_elf = elf.is_elf;
  if (!elf.is_elf) return file;
  file.other_class = !elf.is_64_bit;
  if (file.other_class) return file;
  file.is_static = elf.interpreter.empty();
  file.musl = elf.interpreter.find("ld-musl") != std::string::npos;
  file.go = elf.sections.count(".go.buildinfo") + elf.sections.count(".gopclntab") != 0;
  for (const char* start : {"__asan_init", "__hwasan_init", "__lsan_init", "__tsan_init"}) {
    if (elf.needed.count(start) + elf.defined.count(start) != 0) file.sanitizer = start;
  }
  file.own_malloc = !file.is_static && elf.defines_malloc;
  const auto linked =
      std::find_if(elf.libraries.begin(), elf.libraries.end(), is_allocator_library);
  if (linked != elf.libraries.end()) {
    file.linked_allocator = *linked;
    file.allocator_call = allocator_call(elf);
  }
  file.embedded_allocator = embedded_allocator(file.path);
  return file;
}

std::string why_no_preload(const ProgramFile& file) {
  if (file.set_id) return file.path + " is set-user-id: the system ignores LD_PRELOAD for it";
  if (!file.is_elf) return "";
  if (file.other_class) return file.path + " is a 32-bit program, and the library a 64-bit one";
  if (file.is_static) {
    return file.path + " is statically linked: there is no dynamic linker to load a library";
  }
  if (file.musl) {
    return file.path + " is linked with musl, which cannot load libraries made for glibc";
  }
  if (!file.sanitizer.empty()) {
    return file.path + " is built with a sanitizer, which must be the first to see malloc";
  }
  if (file.own_malloc) {
    return file.path + " has its own malloc, which no library can come before";
  }
  return "";
}

}  // namespace mla
