#include "stacks/proc_files.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cinttypes>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "reader/regular_file.h"
#include "stacks/stopped_threads.h"

namespace mla {

namespace {

std::string process_file(pid_t pid, const std::string& name) {
  return "/proc/" + std::to_string(pid) + "/" + name;
}

// Where a mapped file can be read: as the process sees it (it may be in a container), or through
// its mapping when it was replaced or deleted.
std::string readable_file(pid_t pid, const Mapping& mapping, const std::string& range,
                          bool deleted) {
  std::string as_seen = process_file(pid, "root") + mapping.path;
  if (!deleted && access(as_seen.c_str(), R_OK) == 0) return as_seen;
  std::string mapped = process_file(pid, "map_files/") + range;
  return access(mapped.c_str(), R_OK) == 0 ? mapped : "";
}

}  // namespace

std::string status_field(pid_t pid, const std::string& name) {
  std::istringstream lines(read_regular_file(process_file(pid, "status")));
  std::string line;
  while (std::getline(lines, line)) {
    if (line.starts_with(name + ":\t")) return line.substr(name.size() + 2);
  }
  return "";
}

std::vector<pid_t> thread_ids(pid_t pid) {
  std::vector<pid_t> ids;
  std::error_code error;
  std::filesystem::directory_iterator entry(process_file(pid, "task"), error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    pid_t id = 0;
    const auto parsed = std::from_chars(name.data(), name.data() + name.size(), id);
    if (parsed.ec == std::errc{}) ids.push_back(id);
  }
  std::sort(ids.begin(), ids.end());
  return ids;
}

TargetThread describe_thread(pid_t pid, pid_t tid) {
  const std::string directory = process_file(pid, "task/") + std::to_string(tid);
  TargetThread thread;
  thread.tid = static_cast<uint32_t>(tid);
  thread.name = read_regular_file(directory + "/comm");
  if (thread.name.ends_with('\n')) thread.name.pop_back();
  const std::string stat = read_regular_file(directory + "/stat");
  const size_t name_end = stat.rfind(") ");
  if (name_end != std::string::npos && name_end + 2 < stat.size()) {
    thread.state = stat[name_end + 2];
  }
  thread.wait_channel = read_regular_file(directory + "/wchan");
  if (thread.wait_channel == "0") thread.wait_channel.clear();
  return thread;
}

std::vector<Mapping> read_mappings(pid_t pid) {
  const std::string path = process_file(pid, "maps");
  std::ifstream file(path);
  if (!file) refuse_to_trace(pid, errno);
  std::vector<Mapping> mappings;
  std::string line;
  while (std::getline(file, line)) {
    Mapping mapping;
    int path_at = 0;
    // NOLINTNEXTLINE(cert-err34-c): a line of the kernel, and the count is checked
    if (std::sscanf(line.c_str(), "%" SCNx64 "-%" SCNx64 " %*s %" SCNx64 " %*s %*s %n",
                    &mapping.start, &mapping.end, &mapping.offset, &path_at) != 3) {
      continue;
    }
    mapping.path = line.substr(std::min(static_cast<size_t>(path_at), line.size()));
    static const std::string kDeleted = " (deleted)";
    const bool deleted = mapping.path.ends_with(kDeleted);
    if (deleted) mapping.path.resize(mapping.path.size() - kDeleted.size());
    if (mapping.path.starts_with('/') && mapping.offset == 0) {
      mapping.file = readable_file(pid, mapping, line.substr(0, line.find(' ')), deleted);
    }
    mappings.push_back(std::move(mapping));
  }
  return mappings;
}

}  // namespace mla
