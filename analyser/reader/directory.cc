#include "reader/directory.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <tuple>

#include "format/format.h"
#include "reader/error.h"
#include "reader/process.h"

namespace mla {

namespace {

template <class Number>
std::optional<Number> parse_number(std::string_view text, int base = 10) {
  Number value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// mla-EXE-PID-START.mla; EXE may hold dashes, START is hexadecimal.
std::optional<RecordingFile> parse_name(const std::string& name) {
  static constexpr std::string_view kPrefix = "mla-";
  static constexpr std::string_view kSuffix = ".mla";
  const std::string_view view = name;
  if (view.size() <= kPrefix.size() + kSuffix.size() || !view.starts_with(kPrefix) ||
      !view.ends_with(kSuffix)) {
    return std::nullopt;
  }
  const std::string_view stem = view.substr(0, view.size() - kSuffix.size());
  const size_t start_at = stem.rfind('-');
  const size_t pid_at = stem.rfind('-', start_at - 1);
  if (start_at < kPrefix.size() || pid_at == std::string_view::npos) return std::nullopt;
  const auto pid = parse_number<uint32_t>(stem.substr(pid_at + 1, start_at - pid_at - 1));
  const auto start = parse_number<uint64_t>(stem.substr(start_at + 1), 16);
  if (!pid || !start) return std::nullopt;
  return RecordingFile{"", *pid, *start};
}

// A living process maps its recording wherever it is and whatever its name (`mla run -o`).
std::optional<std::string> recording_written_by(uint32_t pid) {
  const auto mappings = shared_mappings(pid);
  if (!mappings) return std::nullopt;
  for (const MappedFile& mapped : *mappings) {
    const int fd = open(mapped.path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) continue;
    uint64_t magic = 0;
    const bool read = pread(fd, &magic, sizeof magic, 0) == static_cast<ssize_t>(sizeof magic);
    close(fd);
    if (read && magic == format::kMagic) return mapped.path;
  }
  return std::nullopt;
}

// The directories and the run-* directories in them, one for each `mla run`.
std::vector<std::string> with_runs(const std::vector<std::string>& directories) {
  std::vector<std::string> result;
  for (const std::string& directory : directories) {
    result.push_back(directory);
    std::error_code error;
    std::filesystem::directory_iterator entry(directory, error);
    for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
      std::error_code ignored;
      if (entry->path().filename().string().starts_with("run-") && entry->is_directory(ignored)) {
        result.push_back(entry->path().string());
      }
    }
  }
  return result;
}

std::string join(const std::vector<std::string>& parts) {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : ", ") + part;
  return text;
}

std::string find_by_pid(uint32_t pid) {
  if (auto path = recording_written_by(pid)) return *path;
  const std::vector<std::string> directories = recording_directories();
  const std::vector<RecordingFile> recordings = list_recordings(directories);
  const RecordingFile* newest = nullptr;
  for (const RecordingFile& recording : recordings) {
    if (recording.pid == pid) newest = &recording;  // in order of start
  }
  if (newest != nullptr) return newest->path;
  const std::string subject = "pid " + std::to_string(pid);
  if (const auto owner = user_of(pid); owner && geteuid() != 0 && *owner != geteuid()) {
    throw Error(subject,
                "runs as " + user_name(*owner) + ", whose recordings " + user_name(geteuid()) +
                    " may not read",
                run_as_owner(*owner));
  }
  if (read_process_stat(pid)) {
    throw Error(subject, "runs, but there is no recording of it in " + join(directories),
                "start it with `mla run -- CMD` or with libmla.so in LD_PRELOAD");
  }
  throw Error(subject, "no such process, and no recording of it in " + join(directories),
              "see `mla ps` for the recordings there are, or give a file");
}

}  // namespace

std::vector<std::string> recording_directories() {
  std::vector<std::string> result;
  const char* chosen = std::getenv("MLA_DIR");  // NOLINT(concurrency-mt-unsafe)
  if (chosen != nullptr && *chosen != '\0') result.emplace_back(chosen);
  const std::string user = std::to_string(getuid());
  for (const char* parent : {"/dev/shm/mla-", "/tmp/mla-"}) {
    const std::string path = parent + user;
    if (std::find(result.begin(), result.end(), path) == result.end()) result.push_back(path);
  }
  return result;
}

std::vector<RecordingFile> list_recordings(const std::vector<std::string>& directories) {
  std::vector<RecordingFile> result;
  for (const std::string& directory : with_runs(directories)) {
    std::error_code error;
    std::filesystem::directory_iterator entry(directory, error);
    for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
      auto recording = parse_name(entry->path().filename().string());
      if (!recording) continue;
      recording->path = entry->path().string();
      result.push_back(std::move(*recording));
    }
  }
  std::sort(result.begin(), result.end(), [](const auto& a, const auto& b) {
    return std::tie(a.pid, a.start, a.path) < std::tie(b.pid, b.start, b.path);
  });
  return result;
}

std::string find_recording(const std::string& pid_or_file) {
  const bool digits =
      !pid_or_file.empty() && pid_or_file.find_first_not_of("0123456789") == std::string::npos;
  if (digits) {
    const auto pid = parse_number<uint32_t>(pid_or_file);
    if (pid && *pid != 0) return find_by_pid(*pid);
    throw Error(pid_or_file, "is no pid", "give the pid of a process or the name of a file");
  }
  std::error_code error;
  if (!std::filesystem::exists(pid_or_file, error)) {
    if (error == std::errc::permission_denied) {
      throw Error(pid_or_file, "its directory may not be read by " + user_name(geteuid()),
                  "run mla as its owner or as root");
    }
    throw Error(pid_or_file.empty() ? "''" : pid_or_file, "no such file",
                "give a recording (mla-*.mla) or a pid; `mla ps` lists both");
  }
  return pid_or_file;
}

}  // namespace mla
