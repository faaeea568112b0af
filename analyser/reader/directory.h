// Where recordings are, and which one a person means by a pid.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace mla {

// $MLA_DIR if it is set, then the two places libmla.so chooses from. They need not exist.
std::vector<std::string> recording_directories();

struct RecordingFile {
  std::string path;
  uint32_t pid = 0;
  uint64_t start = 0;  // of the name mla-EXE-PID-START.mla: larger is later
};

// The recordings in these directories, and in the run-* directories that `mla run` makes in them,
// by their names (their contents are not looked at), in order of pid and start.
std::vector<RecordingFile> list_recordings(const std::vector<std::string>& directories);

// The path of the recording a person means by a pid or a file name. Of several recordings of one
// pid the one it writes now, else the newest. Throws Error with advice if there is none.
std::string find_recording(const std::string& pid_or_file);

}  // namespace mla
