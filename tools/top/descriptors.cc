#include "top/descriptors.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>

namespace mla {
namespace {

std::string directory_of(pid_t pid) { return std::string("/proc/").append(std::to_string(pid)); }

std::optional<uint64_t> threads_of(pid_t pid) {
  std::ifstream in(directory_of(pid) + "/status");
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("Threads:")) return std::stoull(line.substr(8));
  }
  return std::nullopt;
}

// "socket:[1234]"
std::optional<uint64_t> inode_of_socket(std::string_view link) {
  constexpr std::string_view kBegin = "socket:[";
  if (!link.starts_with(kBegin)) return std::nullopt;
  uint64_t inode = 0;
  std::from_chars(link.data() + kBegin.size(), link.data() + link.size(), inode);
  return inode;
}

void read_inodes(const std::string& path, std::set<uint64_t>& inodes) {
  std::ifstream in(path);
  std::string line;
  std::getline(in, line);  // the titles
  while (std::getline(in, line)) {
    std::istringstream words(line);
    std::string word;
    constexpr int kInode = 9;
    for (int i = 0; i <= kInode; ++i) words >> word;
    uint64_t inode = 0;
    std::from_chars(word.data(), word.data() + word.size(), inode);
    if (inode != 0) inodes.insert(inode);
  }
}

}  // namespace

const std::set<uint64_t>& CountReader::tcp_inodes(pid_t pid) {
  const std::string directory = directory_of(pid);
  struct stat status {};
  const bool known = stat((directory + "/ns/net").c_str(), &status) == 0;
  const auto [entry, added] = by_namespace_.try_emplace(known ? status.st_ino : 0);
  if (added) {
    read_inodes(directory + "/net/tcp", entry->second);
    read_inodes(directory + "/net/tcp6", entry->second);
  }
  return entry->second;
}

ProcessCounts CountReader::read(pid_t pid) {
  ProcessCounts counts;
  counts.threads = threads_of(pid);
  DIR* const directory = opendir((directory_of(pid) + "/fd").c_str());
  if (directory == nullptr) return counts;
  uint64_t descriptors = 0;
  uint64_t tcp = 0;
  const std::set<uint64_t>& known = tcp_inodes(pid);
  while (true) {
    const dirent* entry = readdir(directory);  // NOLINT(concurrency-mt-unsafe): a stream of its own
    if (entry == nullptr) break;
    if (entry->d_name[0] == '.') continue;
    ++descriptors;
    std::array<char, 64> link{};
    const ssize_t length = readlinkat(dirfd(directory), entry->d_name, link.data(), link.size());
    if (length <= 0) continue;
    const auto inode = inode_of_socket({link.data(), static_cast<size_t>(length)});
    if (inode && known.contains(*inode)) ++tcp;
  }
  closedir(directory);
  counts.descriptors = descriptors;
  counts.tcp = tcp;
  return counts;
}

}  // namespace mla
