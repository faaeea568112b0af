// What /proc says of a process, for the reader's two questions: is this still the process that was
// recorded, and which recording does a process write?
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace mla {

struct ProcessStat {
  char state = '?';          // 'Z' and 'X': dead, not yet reaped
  uint64_t start_ticks = 0;  // clock ticks after boot: with the pid it names one process
  uint64_t stack_start = 0;  // another one after exec; 0 of a process that may not be looked into
};

// Nothing if there is no such process, or /proc cannot be read.
std::optional<ProcessStat> read_process_stat(uint32_t pid);

// RSS as the kernel counts it now, exactly where it lets mla read smaps_rollup. Nothing if there is
// no such process.
std::optional<uint64_t> resident_bytes(uint32_t pid);

struct MappedFile {
  uint64_t device = 0;
  uint64_t inode = 0;
  std::string path;  // " (deleted)" taken off
};

// The files the process maps shared and writable, as every recorded process maps its recording.
// Nothing if its maps cannot be read (another user's process).
std::optional<std::vector<MappedFile>> shared_mappings(uint32_t pid);

bool is_file(const MappedFile& mapped, const std::string& path, const struct stat& status);

std::string host_name();

// The effective user of a process; nothing if there is no such process.
std::optional<uint32_t> user_of(uint32_t pid);

// "root"; "user 4711" of one without a name.
std::string user_name(uint32_t uid);

// The advice to who may not read what `uid` owns: "run mla as www-data or as root".
std::string run_as_owner(uint32_t uid);

}  // namespace mla
