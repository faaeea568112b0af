// mla ps: the recordings on this host.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <tuple>

#include "commands.h"
#include "output.h"
#include "reader/directory.h"
#include "reader/error.h"
#include "reader/names.h"
#include "reader/process.h"
#include "reader/reader.h"
#include "report/recording_words.h"
#include "report/units.h"
#include "words.h"

namespace mla {
namespace {

struct Options {
  bool json = false;
  bool all = false;
};

struct Row {
  RecordingFile file;
  std::string error;  // why the file could not be read; the rest is empty then
  ProcessInfo process;
  ProcessStatus status = ProcessStatus::kKilled;
  std::string status_detail;
  std::optional<uint64_t> rss_bytes;  // of a living process
  uint64_t live_bytes = 0;            // of the heap, as in the report
  uint64_t mapped_bytes = 0;          // of anonymous mappings
  double age_s = 0;                   // since the recording began
  std::string sampling;
  std::string stop_reason;
  std::string stopped;  // when and why; empty: it did not
  uint64_t lost_events = 0;
};

// The places of every user, for --all: libmla.so names them by the user's number.
std::vector<std::string> directories_of_all_users() {
  std::vector<std::string> directories = recording_directories();
  for (const char* parent : {"/dev/shm", "/tmp"}) {
    std::error_code error;
    for (std::filesystem::directory_iterator entry(parent, error);
         !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
      const std::string name = entry->path().filename().string();
      const std::string path = entry->path().string();
      if (name.starts_with("mla-") && name.find_first_not_of("0123456789", 4) == name.npos &&
          std::find(directories.begin(), directories.end(), path) == directories.end()) {
        directories.push_back(path);
      }
    }
  }
  return directories;
}

std::optional<uint64_t> rss_of(uint32_t pid) {
  std::ifstream statm("/proc/" + std::to_string(pid) + "/statm");
  uint64_t size = 0;
  uint64_t pages = 0;
  if (!(statm >> size >> pages)) return std::nullopt;
  return pages * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

Row read_row(const RecordingFile& file) {
  Row row;
  row.file = file;
  try {
    const Snapshot snapshot = read_snapshot(file.path);
    row.process = snapshot.process;
    row.status = snapshot.status;
    row.status_detail = snapshot.status_detail;
    row.live_bytes = snapshot.totals.live_bytes;
    row.mapped_bytes = snapshot.totals.mapped_bytes;
    row.sampling = sampling_name(snapshot.sampling.mode);
    row.stop_reason = stop_name(snapshot.stop_reason);
    row.stopped = stopped_sentence(snapshot);
    row.lost_events = snapshot.totals.lost_events;
    const auto now =
        std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch());
    row.age_s =
        std::max(0.0, now.count() - static_cast<double>(snapshot.process.start_realtime_ns) / 1e9);
    if (row.status == ProcessStatus::kAlive) row.rss_bytes = rss_of(row.process.pid);
  } catch (const Error& error) {
    row.error = error.why();
  }
  return row;
}

// What lives comes first, the newest before the others; what cannot be read comes last.
std::tuple<int, double> rank(const Row& row) {
  const int group = !row.error.empty() ? 2 : row.status == ProcessStatus::kAlive ? 0 : 1;
  return {group, row.age_s};
}

// What cannot be looked into may hold recordings: that is not the same as none.
void print_closed(std::ostream& out, const std::vector<std::string>& directories) {
  for (const std::string& directory : directories) {
    struct stat status {};
    if (stat(directory.c_str(), &status) != 0 || access(directory.c_str(), R_OK | X_OK) == 0 ||
        errno != EACCES) {
      continue;
    }
    out << directory << " belongs to " << user_name(status.st_uid) << " and may not be read by "
        << user_name(geteuid()) << ": " << run_as_owner(status.st_uid) << '\n';
  }
}

void print_table(std::ostream& out, const std::vector<Row>& rows,
                 const std::vector<std::string>& directories) {
  if (rows.empty()) {
    out << "no recordings in";
    for (const std::string& directory : directories) out << ' ' << directory;
    out << "; make one with: mla run -- CMD\n";
    print_closed(out, directories);
    return;
  }
  std::array<char, 256> line{};
  const auto print = [&](const char* status, const std::string& pid, const std::string& rss,
                         const std::string& live, const std::string& mapped, const std::string& age,
                         const std::string& recording) {
    std::snprintf(line.data(), line.size(), "%-6s %7s %10s %10s %10s %11s %-9s ", status,
                  pid.c_str(), rss.c_str(), live.c_str(), mapped.c_str(), age.c_str(),
                  recording.c_str());
    out << line.data();
  };
  print("STATUS", "PID", "RSS", "LIVE", "MAPPED", "AGE", "RECORDING");
  out << "COMMAND\n";
  for (const Row& row : rows) {
    const std::string pid = std::to_string(row.file.pid);
    if (!row.error.empty()) {
      print("-", pid, "-", "-", "-", "-", "-");
      out << "unreadable: " << row.error;
    } else {
      print(status_name(row.status).c_str(), pid, row.rss_bytes ? human_bytes(*row.rss_bytes) : "-",
            human_bytes(row.live_bytes), human_bytes(row.mapped_bytes), human_seconds(row.age_s),
            row.stopped.empty() ? row.sampling : "stopped");
      out << command_of(row.process);
    }
    if (!row.stopped.empty()) out << '\n' << std::string(9, ' ') << row.stopped;
    if (row.lost_events != 0) {
      out << '\n' << std::string(9, ' ') << counted(row.lost_events, "event") << " lost";
    }
    out << '\n' << std::string(9, ' ') << row.file.path << '\n';
  }
  print_closed(out, directories);
}

void print_json(std::ostream& out, const std::vector<Row>& rows) {
  nlohmann::ordered_json document;
  document["schema"] = {{"name", "mla-ps"}, {"version", 1}};
  document["recordings"] = nlohmann::json::array();
  for (const Row& row : rows) {
    nlohmann::ordered_json entry{{"file", row.file.path}, {"pid", row.file.pid}};
    if (!row.error.empty()) {
      entry["error"] = row.error;
    } else {
      entry["status"] = status_name(row.status);
      entry["status_detail"] = row.status_detail;
      entry["exe"] = row.process.exe;
      entry["argv"] = row.process.argv;
      entry["rss_bytes"] = row.rss_bytes ? nlohmann::json(*row.rss_bytes) : nlohmann::json(nullptr);
      entry["live_bytes"] = row.live_bytes;
      entry["mapped_bytes"] = row.mapped_bytes;
      entry["age_s"] = row.age_s;
      entry["sampling"] = row.sampling;
      entry["stop_reason"] =
          row.stop_reason.empty() ? nlohmann::json(nullptr) : nlohmann::json(row.stop_reason);
      entry["lost_events"] = row.lost_events;
    }
    document["recordings"].push_back(std::move(entry));
  }
  out << document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
}

void list(const Options& options) {
  const std::vector<std::string> directories =
      options.all ? directories_of_all_users() : recording_directories();
  std::vector<Row> rows;
  for (const RecordingFile& file : list_recordings(directories)) {
    Row row = read_row(file);
    const bool removed =
        !row.error.empty() && access(file.path.c_str(), F_OK) != 0 && errno == ENOENT;
    if (!removed) rows.push_back(std::move(row));
  }
  std::stable_sort(rows.begin(), rows.end(),
                   [](const Row& a, const Row& b) { return rank(a) < rank(b); });
  Output out;
  if (options.json) {
    print_json(out.stream(), rows);
  } else {
    print_table(out.stream(), rows, directories);
  }
  out.finish();
}

}  // namespace

void add_ps(CLI::App& app, int& exit_code) {
  const auto options = std::make_shared<Options>();
  CLI::App& command =
      add_command(app, "ps", "List the recordings on this host", "mla ps [options]",
                  "Looks into $MLA_DIR, /dev/shm/mla-UID and /tmp/mla-UID.\n\nExamples:\n  mla ps\n"
                  "  mla ps --json");
  command.add_flag("--json", options->json, "Print JSON");
  command.add_flag("--all", options->all, "Recordings of all users, as far as they may be read");
  command.callback([options, &exit_code] {
    list(*options);
    exit_code = kExitOk;
  });
}

}  // namespace mla
