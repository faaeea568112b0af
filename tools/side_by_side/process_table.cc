#include "side_by_side/process_table.h"

#include <dirent.h>

#include <cctype>
#include <cstdlib>
#include <optional>
#include <sstream>

#include "reader/regular_file.h"

namespace mla {
namespace {

// pid (comm) state ppid ... with starttime as field 22; comm may hold blanks and brackets.
std::optional<Process> parse_stat(pid_t pid, const std::string& stat) {
  const size_t name_end = stat.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  Process process;
  process.pid = pid;
  std::istringstream fields(stat.substr(name_end + 1));
  fields >> process.state >> process.parent;
  std::string skipped;
  for (int field = 5; field < 22; ++field) fields >> skipped;
  fields >> process.start_ticks;
  return fields ? std::optional(process) : std::nullopt;
}

std::vector<Process> all_processes(const std::set<pid_t>* without) {
  std::vector<Process> processes;
  DIR* proc = opendir("/proc");
  if (proc == nullptr) return processes;
  while (const dirent* entry = readdir(proc)) {  // NOLINT(concurrency-mt-unsafe): one thread
    if (std::isdigit(static_cast<unsigned char>(entry->d_name[0])) == 0) continue;
    const auto pid = static_cast<pid_t>(std::strtol(entry->d_name, nullptr, 10));
    if (without != nullptr && without->count(pid) != 0) continue;
    const auto process =
        parse_stat(pid, read_regular_file("/proc/" + std::string(entry->d_name) + "/stat"));
    if (process) processes.push_back(*process);
  }
  closedir(proc);
  return processes;
}

}  // namespace

std::vector<Process> descendants(pid_t ancestor, std::set<pid_t>* strangers) {
  const std::vector<Process> all = all_processes(strangers);
  std::set<pid_t> family{ancestor};
  std::vector<Process> found;
  // A child is mostly listed after its parent, so one pass finds nearly all and the next the rest.
  for (bool grown = true; grown;) {
    grown = false;
    for (const Process& process : all) {
      if (family.count(process.parent) == 0 || !family.insert(process.pid).second) continue;
      found.push_back(process);
      grown = true;
    }
  }
  if (strangers != nullptr) {
    for (const Process& process : all) {
      if (family.count(process.pid) == 0) strangers->insert(process.pid);
    }
  }
  return found;
}

}  // namespace mla
