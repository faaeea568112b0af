#include "memory_limit.h"

#include <algorithm>
#include <fstream>

namespace mla {
namespace {

constexpr const char* kCgroups = "/sys/fs/cgroup";

// The path in the hierarchy of version 2: the line "0::/path".
std::string cgroup_of(uint32_t pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/cgroup");
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("0::/")) return line.substr(3);
  }
  return "";
}

std::optional<uint64_t> number_in(const std::string& path) {
  std::ifstream in(path);
  uint64_t value = 0;
  if (in >> value) return value;  // "max" is no number, and no limit
  return std::nullopt;
}

std::optional<uint64_t> machine_memory() {
  std::ifstream in("/proc/meminfo");
  std::string name;
  uint64_t kib = 0;
  if (in >> name >> kib && name == "MemTotal:") return kib * 1024;
  return std::nullopt;
}

}  // namespace

std::optional<MemoryLimit> memory_limit(const Snapshot& snapshot) {
  if (snapshot.status != ProcessStatus::kAlive) return std::nullopt;
  std::optional<MemoryLimit> least;
  std::string path = cgroup_of(snapshot.process.pid);
  while (!path.empty()) {
    const std::optional<uint64_t> limit = number_in(kCgroups + path + "/memory.max");
    if (limit && (!least || *limit < least->bytes)) least = MemoryLimit{*limit, "cgroup"};
    path.resize(path.rfind('/'));
  }
  const std::optional<uint64_t> machine = machine_memory();
  if (machine && (!least || *machine < least->bytes)) least = MemoryLimit{*machine, "machine"};
  return least;
}

}  // namespace mla
