#include "reader/process.h"

#include <pwd.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <sstream>

namespace mla {

namespace {

std::string canonical(const std::string& path) {
  char* resolved = realpath(path.c_str(), nullptr);
  if (resolved == nullptr) return path;
  std::string result = resolved;
  free(resolved);  // NOLINT(cppcoreguidelines-no-malloc): realpath's contract
  return result;
}

}  // namespace

std::optional<ProcessStat> read_process_stat(uint32_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  if (!std::getline(file, line, '\0')) return std::nullopt;
  // The name in parentheses may hold anything, parentheses too.
  const size_t name_end = line.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream fields(line.substr(name_end + 1));
  ProcessStat stat;
  fields >> stat.state;
  std::string skipped;
  for (int field = 4; field < 22; ++field) fields >> skipped;
  fields >> stat.start_ticks;
  for (int field = 23; field < 28; ++field) fields >> skipped;
  fields >> stat.stack_start;
  if (!fields) return std::nullopt;
  return stat;
}

std::optional<uint64_t> resident_bytes(uint32_t pid) {
  // statm and status are a few pages per thread behind on kernels before 6.2.
  for (const char* file : {"/smaps_rollup", "/status"}) {
    std::ifstream lines("/proc/" + std::to_string(pid) + file);
    std::string name;
    while (lines >> name) {
      uint64_t kib = 0;
      if ((name == "Rss:" || name == "VmRSS:") && lines >> kib) return kib * 1024;
      lines.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
    }
  }
  return std::nullopt;
}

std::optional<std::vector<MappedFile>> shared_mappings(uint32_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/maps");
  if (!file) return std::nullopt;
  std::vector<MappedFile> result;
  std::string line;
  while (std::getline(file, line)) {
    char permissions[5] = "";
    unsigned major_number = 0;
    unsigned minor_number = 0;
    unsigned long long inode = 0;  // NOLINT(google-runtime-int): scanf's type
    int path_at = 0;
    // NOLINTNEXTLINE(cert-err34-c): a line of the kernel, and the count is checked
    if (std::sscanf(line.c_str(), "%*x-%*x %4s %*x %x:%x %llu %n", permissions, &major_number,
                    &minor_number, &inode, &path_at) != 4 ||
        permissions[3] != 's' || inode == 0) {
      continue;
    }
    MappedFile mapped{makedev(major_number, minor_number), inode,
                      line.substr(std::min(static_cast<size_t>(path_at), line.size()))};
    static const std::string kDeleted = " (deleted)";
    if (mapped.path.ends_with(kDeleted)) {
      mapped.path.resize(mapped.path.size() - kDeleted.size());
    }
    // One recording is many mappings in a row.
    if (result.empty() || result.back().inode != inode || result.back().device != mapped.device) {
      result.push_back(std::move(mapped));
    }
  }
  return result;
}

// On overlay file systems maps and stat may show different devices: then the path decides.
bool is_file(const MappedFile& mapped, const std::string& path, const struct stat& status) {
  if (mapped.inode != status.st_ino) return false;
  return mapped.device == status.st_dev || mapped.path == canonical(path);
}

std::optional<uint32_t> user_of(uint32_t pid) {
  std::ifstream lines("/proc/" + std::to_string(pid) + "/status");
  std::string name;
  while (lines >> name) {
    uint32_t real = 0;
    uint32_t effective = 0;
    if (name == "Uid:" && lines >> real >> effective) return effective;
    lines.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
  }
  return std::nullopt;
}

std::string user_name(uint32_t uid) {
  const passwd* entry = getpwuid(uid);  // NOLINT(concurrency-mt-unsafe): one thread
  return entry == nullptr ? "user " + std::to_string(uid) : entry->pw_name;
}

std::string run_as_owner(uint32_t uid) {
  return uid == 0 ? "run mla as root" : "run mla as " + user_name(uid) + " or as root";
}

std::string host_name() {
  char name[256] = "";
  return gethostname(name, sizeof name - 1) == 0 ? name : "";
}

}  // namespace mla
