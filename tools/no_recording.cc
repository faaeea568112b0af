#include "no_recording.h"

#include <elf.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>

#include "dynamic_symbols.h"

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

// The interpreter of a #! script, else the file itself.
std::string executed_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::string line;
  if (!std::getline(in, line) || !line.starts_with("#!")) return path;
  std::istringstream words(line.substr(2));
  std::string interpreter;
  words >> interpreter;
  return interpreter;
}

bool has_interpreter(std::istream& in, const Elf64_Ehdr& header) {
  for (int i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment;
    in.seekg(static_cast<std::streamoff>(header.e_phoff) + i * header.e_phentsize);
    if (!in.read(reinterpret_cast<char*>(&segment), sizeof segment)) return true;  // cannot tell
    if (segment.p_type == PT_INTERP) return true;
  }
  return false;
}

}  // namespace

std::string why_not_recorded(const std::string& program) {
  const std::string path = executed_file(find_in_path(program));
  struct stat status {};
  if (stat(path.c_str(), &status) == 0 && (status.st_mode & (S_ISUID | S_ISGID)) != 0 &&
      geteuid() != 0) {
    return path + " is set-user-id: the system ignores LD_PRELOAD for it";
  }
  std::ifstream in(path, std::ios::binary);
  Elf64_Ehdr header;
  if (in.read(reinterpret_cast<char*>(&header), sizeof header) &&
      std::memcmp(header.e_ident, ELFMAG, SELFMAG) == 0) {
    if (header.e_ident[EI_CLASS] != ELFCLASS64) {
      return path + " is a 32-bit program, and libmla.so is a 64-bit library";
    }
    if (!has_interpreter(in, header)) {
      return path + " is statically linked: there is no dynamic linker to load libmla.so";
    }
    const DynamicSymbols symbols = read_dynamic_symbols(path);
    for (const char* start : {"__asan_init", "__hwasan_init", "__lsan_init", "__tsan_init"}) {
      if (symbols.needed.count(start) + symbols.defined.count(start) != 0) {
        return path + " is built with a sanitizer, which must be the first to see malloc";
      }
    }
    if (symbols.defined.count("malloc") != 0) {
      return path + " has its own malloc, which no library can come before";
    }
  }
  return "libmla.so was not loaded, or its directory could not be written";
}

}  // namespace mla
