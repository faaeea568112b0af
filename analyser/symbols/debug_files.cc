#include "symbols/debug_files.h"

#include <elfutils/libdwelf.h>

namespace mla {

namespace {

using Directories = std::vector<std::string>;

std::string directory_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

std::unique_ptr<ElfFile> open_by_build_id(const std::string& build_id, const char* suffix,
                                          const Directories& directories) {
  if (build_id.size() < 4) return nullptr;
  const std::string name =
      "/.build-id/" + build_id.substr(0, 2) + "/" + build_id.substr(2) + suffix;
  for (const std::string& directory : directories) {
    auto file = ElfFile::open(directory + name);
    if (file && file->build_id() == build_id) return file;
  }
  return nullptr;
}

// The file that .gnu_debuglink names, beside the module or under a debug directory.
std::unique_ptr<ElfFile> open_by_link(const ElfFile& main, const Directories& directories) {
  GElf_Word checksum = 0;
  const char* name = dwelf_elf_gnu_debuglink(main.elf(), &checksum);
  if (name == nullptr || *name == '\0') return nullptr;
  const std::string beside = directory_of(main.path());
  Directories candidates{beside + "/" + name, beside + "/.debug/" + name};
  for (const std::string& directory : directories) {
    candidates.push_back(directory + beside + "/" + name);
  }
  for (const std::string& candidate : candidates) {
    if (candidate == main.path()) continue;
    auto file = ElfFile::open(candidate);
    if (!file) continue;
    const std::string build_id = main.build_id();
    // Where both have a build-id it says more than the checksum, and costs no reading.
    const bool same = !build_id.empty() && !file->build_id().empty() ? file->build_id() == build_id
                                                                     : file->checksum() == checksum;
    if (same) return file;
  }
  return nullptr;
}

std::unique_ptr<ElfFile> open_supplement(ElfFile& debug, const Directories& directories) {
  if (debug.dwarf() == nullptr) return nullptr;
  const char* name = nullptr;
  const void* id = nullptr;
  const ssize_t id_bytes = dwelf_dwarf_gnu_debugaltlink(debug.dwarf(), &name, &id);
  if (id_bytes <= 0) return nullptr;
  const std::string build_id = to_hex(id, static_cast<size_t>(id_bytes));
  auto file = open_by_build_id(build_id, ".debug", directories);
  if (!file) {
    const std::string path = name;
    file = ElfFile::open(path.starts_with('/') ? path : directory_of(debug.path()) + "/" + path);
    if (file && file->build_id() != build_id) file.reset();
  }
  if (file && file->dwarf() != nullptr) dwarf_setalt(debug.dwarf(), file->dwarf());
  return file;
}

}  // namespace

ElfFile* ModuleFiles::with_dwarf() const {
  if (debug && debug->has_debug_info()) return debug.get();
  return main && main->has_debug_info() ? main.get() : nullptr;
}

bool ModuleFiles::are_whole() const {
  for (const auto& file : {&supplement, &debug, &main}) {
    if (*file && !(*file)->is_whole()) return false;
  }
  return true;
}

ModuleFiles open_module_files(const ModuleInfo& module, const Directories& directories) {
  ModuleFiles files;
  if (!module.path.starts_with('/')) return files;  // [vdso] and the like: no file to find
  files.main = ElfFile::open(module.file.empty() ? module.path : module.file);
  if (!files.main) {
    files.warning = module.path + ": the file is gone or unreadable";
  } else if (!module.build_id.empty() && files.main->build_id() != module.build_id) {
    files.main.reset();
    files.warning = module.path + ": build-id differs, it is not the file that was recorded";
  }
  if (!files.main) files.main = open_by_build_id(module.build_id, "", directories);
  if (!files.main || !files.main->has_debug_info()) {
    files.debug = open_by_build_id(module.build_id, ".debug", directories);
    if (!files.debug && files.main) files.debug = open_by_link(*files.main, directories);
  }
  if (files.main || files.debug) files.warning.clear();
  if (ElfFile* dwarf = files.with_dwarf()) files.supplement = open_supplement(*dwarf, directories);
  return files;
}

}  // namespace mla
