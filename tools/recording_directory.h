// The private directory that receives the recordings of one `mla run`, and how they leave it.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace mla {

struct StoredRecording {
  pid_t pid = 0;
  std::string path;     // where it is now
  bool in_use = false;  // its process is alive and still writes it: it was left where it is
  std::string problem;  // why it could not be moved; empty otherwise
};

class RecordingDirectory {
 public:
  // Makes run-XXXXXX, mode 0700, in `base`; empty: in the first of libmla.so's own places that has
  // room, made if need be. Throws Error.
  explicit RecordingDirectory(const std::string& base);
  ~RecordingDirectory();  // removes the directory if it is empty
  RecordingDirectory(const RecordingDirectory&) = delete;
  RecordingDirectory& operator=(const RecordingDirectory&) = delete;

  const std::string& path() const { return path_; }

  // Moves the recording of `pid` to `file` and those of its descendants to file.PID; further ones
  // of one pid (programs it was before an exec) to file.PID.2 and so on. The newest recording of
  // `pid` is the one that becomes `file`. The recording of `pid`, if any, comes first in the
  // result.
  std::vector<StoredRecording> store(pid_t pid, const std::string& file) const;

 private:
  std::string path_;
};

}  // namespace mla
