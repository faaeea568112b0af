// Alive, exited or killed; and which recording a pid means.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>

#include "reader/directory.h"
#include "reader/error.h"
#include "reader/process.h"
#include "reader/reader.h"
#include "support/segment_builder.h"
#include "support/temporary_directory.h"

namespace mla {
namespace {

using test::SegmentBuilder;
using test::TemporaryDirectory;

// Maps a file as a recorded process maps its recording.
class Mapped {
 public:
  explicit Mapped(const std::string& path) {
    const int fd = open(path.c_str(), O_RDWR | O_CLOEXEC);
    address_ = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
  }
  ~Mapped() { munmap(address_, 4096); }
  Mapped(const Mapped&) = delete;
  Mapped& operator=(const Mapped&) = delete;

 private:
  void* address_;
};

class Status : public testing::Test {
 protected:
  Status() {
    builder_.header().pid = static_cast<uint32_t>(getpid());
    builder_.header().process_start_ticks =
        read_process_stat(static_cast<uint32_t>(getpid()))->start_ticks;
    builder_.header().host = builder_.string(host_name());
  }
  Snapshot read() {
    builder_.write(file_);
    return read_snapshot(file_);
  }

  SegmentBuilder builder_;
  TemporaryDirectory directory_;
  std::string file_ = directory_ / "mla-test-1-2.mla";
};

TEST_F(Status, AliveIfThisProcessMapsThisFile) {
  builder_.write(file_);
  const Mapped mapped(file_);
  EXPECT_EQ(read_snapshot(file_).status, ProcessStatus::kAlive);
  EXPECT_GT(read_snapshot(file_).last_ns, 0U);
}

TEST_F(Status, CopiedIfItMapsTheOriginal) {
  builder_.write(file_);
  builder_.write(directory_ / "copy");
  const Mapped mapped(file_);
  const Snapshot snapshot = read_snapshot(directory_ / "copy");
  EXPECT_EQ(snapshot.status, ProcessStatus::kCopied);
  EXPECT_EQ(snapshot.status_detail, "the process records into " + file_);
  // Of the moment it was copied, not of now.
  const Snapshot later = read_snapshot(directory_ / "copy");
  EXPECT_EQ(later.last_ns, snapshot.last_ns);
  EXPECT_LT(later.last_ns, read_snapshot(file_).last_ns);
}

TEST_F(Status, ReplacedByExecIfTheProcessLivesAndDoesNotMapIt) {
  const Snapshot snapshot = read();
  EXPECT_EQ(snapshot.status, ProcessStatus::kExited);
  EXPECT_EQ(snapshot.status_detail, "replaced by exec");
}

TEST_F(Status, KilledIfThePidIsAnotherProcessNow) {
  builder_.header().process_start_ticks += 1;
  EXPECT_EQ(read().status, ProcessStatus::kKilled);
}

TEST_F(Status, KilledIfDeadButNotReaped) {
  const pid_t child = fork();
  if (child == 0) _exit(0);
  siginfo_t info;
  ASSERT_EQ(waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT), 0);
  builder_.header().pid = static_cast<uint32_t>(child);
  builder_.header().process_start_ticks =
      read_process_stat(static_cast<uint32_t>(child))->start_ticks;
  EXPECT_EQ(read().status, ProcessStatus::kKilled);
  waitpid(child, nullptr, 0);
}

TEST_F(Status, AnotherHostsProcessesAreNotLookedUp) {
  builder_.header().host = builder_.string("another-host");
  builder_.write(file_);
  const Mapped mapped(file_);
  const Snapshot snapshot = read_snapshot(file_);
  EXPECT_EQ(snapshot.status, ProcessStatus::kKilled);
  EXPECT_NE(snapshot.status_detail.find("another-host"), std::string::npos);
}

TEST_F(Status, ExitIsBelieved) {
  builder_.header().state = static_cast<uint32_t>(format::State::kExited);
  builder_.header().exit_code = 3;
  const Snapshot snapshot = read();
  EXPECT_EQ(snapshot.status, ProcessStatus::kExited);
  EXPECT_EQ(snapshot.status_detail, "exit code 3");
}

// How it ended cannot be known: nothing was written any more.
TEST_F(Status, StoppedAndThenDead) {
  builder_.header().state = static_cast<uint32_t>(format::State::kStopped);
  builder_.header().process_start_ticks += 1;
  const Snapshot snapshot = read();
  EXPECT_EQ(snapshot.status, ProcessStatus::kKilled);
  EXPECT_EQ(snapshot.status_detail, "or ended by itself: its recording had stopped before");
}

TEST_F(Status, StoppedInAProcessThatGoesOn) {
  builder_.header().state = static_cast<uint32_t>(format::State::kStopped);
  builder_.write(file_);
  const Mapped mapped(file_);
  const Snapshot snapshot = read_snapshot(file_);
  EXPECT_EQ(snapshot.status, ProcessStatus::kAlive);
  EXPECT_EQ(snapshot.status_detail, "");
}

TEST(ProcessStat, NamesWithParenthesesAndAbsentProcesses) {
  EXPECT_FALSE(read_process_stat(1U << 30));
  EXPECT_GT(read_process_stat(static_cast<uint32_t>(getpid()))->start_ticks, 0U);
}

class Directory : public testing::Test {
 protected:
  Directory() { setenv("MLA_DIR", directory_.path().c_str(), 1); }
  ~Directory() override { unsetenv("MLA_DIR"); }
  void touch(const std::string& name) { std::ofstream(directory_ / name) << name; }
  std::string why(const std::string& argument) {
    try {
      find_recording(argument);
    } catch (const Error& error) {
      return error.what();
    }
    return "found";
  }

  TemporaryDirectory directory_;
};

TEST_F(Directory, TheChosenDirectoryIsTheFirst) {
  const std::vector<std::string> directories = recording_directories();
  ASSERT_EQ(directories.size(), 3U);
  EXPECT_EQ(directories[0], directory_.path());
  EXPECT_EQ(directories[1], "/dev/shm/mla-" + std::to_string(getuid()));
  EXPECT_EQ(directories[2], "/tmp/mla-" + std::to_string(getuid()));
}

TEST_F(Directory, OnlyNamesOfRecordingsAreListed) {
  for (const char* name :
       {"mla-my-app-4194999-12.mla", "mla-x-5-1.mla", "mla-x.mla", "mla--.mla", "mla-5-1",
        "mla-x-5-.mla", "mla-x--1.mla", "other", "mla-x-99999999999-1.mla", "mla.mla"}) {
    touch(name);
  }
  const std::vector<RecordingFile> recordings = list_recordings({directory_.path(), "/absent"});
  ASSERT_EQ(recordings.size(), 2U);
  EXPECT_EQ(recordings[0].pid, 5U);
  EXPECT_EQ(recordings[0].start, 1U);
  EXPECT_EQ(recordings[1].pid, 4194999U);
  EXPECT_EQ(recordings[1].path, directory_ / "mla-my-app-4194999-12.mla");
}

TEST_F(Directory, TheNewestRecordingOfAPid) {
  touch("mla-sh-4194999-9.mla");
  touch("mla-server-4194999-10.mla");
  EXPECT_EQ(find_recording("4194999"), directory_ / "mla-server-4194999-10.mla");
}

TEST_F(Directory, TheRecordingAProcessWritesNowWhateverItsName) {
  SegmentBuilder builder;
  builder.write(directory_ / "out.bin");
  touch("mla-old-" + std::to_string(getpid()) + "-1.mla");
  const Mapped mapped(directory_ / "out.bin");
  EXPECT_EQ(find_recording(std::to_string(getpid())), directory_ / "out.bin");
}

TEST_F(Directory, AdviceWhereThereIsNone) {
  EXPECT_NE(why("4194998").find("pid 4194998: no such process"), std::string::npos);
  EXPECT_NE(why(std::to_string(getpid())).find("runs, but there is no recording"),
            std::string::npos);
  EXPECT_NE(why("absent.mla").find("no such file"), std::string::npos);
  EXPECT_NE(why("99999999999999").find("is no pid"), std::string::npos);
  EXPECT_NE(why("").find("no such file"), std::string::npos);
}

}  // namespace
}  // namespace mla
