#include "recording_directory.h"

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <map>

#include "move_recording.h"
#include "reader/directory.h"
#include "reader/error.h"

namespace mla {
namespace {

// Less than this is no room for the tables of a small program.
constexpr uint64_t kRoomBytes = 16ULL << 20;

bool has_room(const std::string& directory) {
  struct statvfs fs {};
  return statvfs(directory.c_str(), &fs) == 0 &&
         static_cast<uint64_t>(fs.f_bavail) * fs.f_frsize >= kRoomBytes;
}

// A directory in a place where everybody may write must be ours alone.
bool make_private(const std::string& directory) {
  if (mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) return false;
  struct stat status {};
  return lstat(directory.c_str(), &status) == 0 && S_ISDIR(status.st_mode) &&
         status.st_uid == geteuid() && (status.st_mode & 077) == 0;
}

std::string default_base() {
  const char* chosen = std::getenv("MLA_DIR");  // NOLINT(concurrency-mt-unsafe): one thread
  if (chosen != nullptr && *chosen != '\0') {
    mkdir(chosen, 0700);  // as libmla.so does; if that fails, realpath() tells
    return chosen;
  }
  std::string usable;
  for (const std::string& directory : recording_directories()) {
    if (!make_private(directory)) continue;
    if (has_room(directory)) return directory;
    usable = directory;
  }
  if (!usable.empty()) return usable;
  throw Error("recordings", "neither /dev/shm nor /tmp can hold a private directory",
              "give one with --dir");
}

}  // namespace

RecordingDirectory::RecordingDirectory(const std::string& base) {
  const std::string place = base.empty() ? default_base() : base;
  char* absolute = realpath(place.c_str(), nullptr);
  if (absolute == nullptr) {
    throw Error(place, std::strerror(errno),
                base.empty() ? "it comes from MLA_DIR: give it or --dir an existing directory"
                             : "give --dir an existing directory");
  }
  path_ = std::string(absolute) + "/run-XXXXXX";
  std::free(absolute);  // NOLINT(cppcoreguidelines-no-malloc): realpath's contract
  if (mkdtemp(path_.data()) == nullptr) {
    throw Error(place, std::strerror(errno), "give --dir a directory that can be written");
  }
}

RecordingDirectory::~RecordingDirectory() { rmdir(path_.c_str()); }

std::vector<StoredRecording> RecordingDirectory::store(pid_t pid, const std::string& file) const {
  std::vector<StoredRecording> result;
  std::vector<RecordingFile> files = list_recordings({path_});  // by pid and start
  const auto is_main = [pid](const RecordingFile& f) {
    return f.pid == static_cast<uint32_t>(pid);
  };
  const auto newest = std::find_if(files.rbegin(), files.rend(), is_main);
  const bool has_main = newest != files.rend();
  if (has_main) std::rotate(files.begin(), newest.base() - 1, newest.base());  // to the front
  std::map<uint32_t, int> seen;
  for (const RecordingFile& recording : files) {
    StoredRecording stored{static_cast<pid_t>(recording.pid), recording.path, false, ""};
    std::string target = file;
    if (!has_main || &recording != files.data()) {
      target += "." + std::to_string(recording.pid);
      const int number = ++seen[recording.pid];
      if (number > 1) target += "." + std::to_string(number);
    }
    stored.in_use = is_in_use(recording);
    if (!stored.in_use) {
      stored.problem = move_recording(recording.path, target);
      if (stored.problem.empty()) stored.path = target;
    }
    result.push_back(std::move(stored));
  }
  return result;
}

}  // namespace mla
