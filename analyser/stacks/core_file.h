// A core file of a process: its memory, threads and modules. Written by the kernel or by gcore.
//
// What the core left out of files (program text, mostly) is read from the files it names. Nothing
// in it is trusted: every offset and size is checked against the file.
#pragma once

#include <elf.h>
#include <sys/procfs.h>

#include <map>
#include <string>
#include <vector>

#include "stacks/target.h"

namespace mla {

class CoreFile {
 public:
  // `executable`: read it instead of the one the core names; empty: as named. Throws Error.
  CoreFile(const std::string& path, const std::string& executable);
  ~CoreFile();
  CoreFile(const CoreFile&) = delete;
  CoreFile& operator=(const CoreFile&) = delete;

  uint32_t pid() const { return pid_; }
  const std::string& executable() const { return executable_; }  // path, as the process had it
  const std::string& command() const { return command_; }        // its first 80 bytes
  int signal() const { return signal_; }                         // that ended it; 0: none did
  std::vector<TargetThread>& threads() { return threads_; }
  const std::vector<LoadedModule>& modules() const { return modules_; }
  ProcessMemory& memory() { return memory_; }

 private:
  class Memory : public ProcessMemory {
   public:
    explicit Memory(const CoreFile& core) : core_(core) {}

   private:
    bool fetch(uint64_t address, Page& page) override { return core_.fetch(address, page); }
    const CoreFile& core_;
  };

  bool fetch(uint64_t address, std::array<std::byte, ProcessMemory::kPageBytes>& page) const;
  void read_segments();
  void read_notes(const Elf64_Phdr& segment);
  void read_note(uint32_t type, const std::string& name, const char* data, size_t bytes);
  void read_thread(const elf_prstatus& status);
  void read_files(const char* data, size_t bytes);
  void read_auxiliary(const char* data, size_t bytes);
  void place_executable(const std::string& executable);
  int descriptor_of(const Mapping& mapping) const;

  std::string path_;
  int fd_;
  std::vector<Elf64_Phdr> segments_;  // PT_LOAD, by address
  std::vector<Mapping> mappings_;     // of files, by address
  mutable std::map<std::string, int> files_;
  uint32_t pid_ = 0;
  int signal_ = 0;
  std::string executable_;
  std::string command_;
  uint64_t entry_ = 0;
  uint64_t vdso_ = 0;
  std::vector<TargetThread> threads_;
  Memory memory_{*this};
  std::vector<LoadedModule> modules_;
};

}  // namespace mla
