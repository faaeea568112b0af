// The names of services: what `mla watch` keeps a process under.
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "support/temporary_directory.h"
#include "watching/identity.h"

namespace mla {
namespace {

TEST(Identity, ScriptsOfInterpreters) {
  const std::string python = "/usr/bin/python3.11";
  EXPECT_EQ(service_of({"python3", "/srv/app/server.py", "--port", "80"}, python), "server.py");
  EXPECT_EQ(service_of({"python3", "-X", "dev", "-u", "server.py"}, python), "server.py");
  EXPECT_EQ(service_of({"python3", "-m", "gunicorn", "app"}, python), "gunicorn");
  EXPECT_EQ(service_of({"python3", "-c", "pass"}, python), "python3.11");
  EXPECT_EQ(service_of({"python3"}, python), "python3.11");
  EXPECT_EQ(service_of({"/usr/bin/node", "web.js"}, "/usr/bin/node"), "web.js");
  EXPECT_EQ(service_of({"server", "config.py"}, "/opt/server"), "server");
}

TEST(Identity, ProgramsWithoutAFile) {
  EXPECT_EQ(service_of({"/opt/bin/web", "x"}, ""), "web");
  EXPECT_EQ(service_of({}, "/opt/bin/web"), "web");
  EXPECT_EQ(service_of({}, ""), "");
}

// Debian's redis-server is a link to redis-check-rdb.
TEST(Identity, OtherNamesOfTheSameFile) {
  const test::TemporaryDirectory directory;
  const std::string program = directory / "redis-check-rdb";
  std::ofstream(program) << "x";
  std::filesystem::create_symlink("redis-check-rdb", directory / "redis-server");
  std::ofstream(directory / "other") << "y";
  EXPECT_EQ(service_of({"/usr/bin/redis-server *:6379"}, program), "redis-server");
  EXPECT_EQ(service_of({"redis-server", "--port", "1"}, program), "redis-server");
  EXPECT_EQ(service_of({"other"}, program), "redis-check-rdb") << "another file";
  EXPECT_EQ(service_of({"nginx: worker process"}, program), "redis-check-rdb") << "a title";
  EXPECT_EQ(service_of({"-bash"}, "/bin/bash"), "bash");
  // Of a file that is not here a path is believed, a bare name is not.
  EXPECT_EQ(service_of({"/usr/bin/redis-server"}, "/no/redis-check-rdb"), "redis-server");
  EXPECT_EQ(service_of({"[kworker]"}, "/no/redis-check-rdb"), "redis-check-rdb");
  EXPECT_EQ(service_of({"renamed"}, "/no/redis-check-rdb"), "redis-check-rdb");
}

TEST(Identity, CommandsWithoutTitles) {
  EXPECT_EQ(command_of({"redis-server *:6379"}), "redis-server *:6379");
  EXPECT_EQ(command_of({"nginx: worker process"}), "nginx");
  EXPECT_EQ(command_of({"a", "b c"}), "a b c");
}

// The files of a process that ends between their opening and their reading fail with ESRCH; with
// streams that ended every second of these.
TEST(Identity, ProcessesThatEndWhileTheyAreLookedAt) {
  const std::vector<std::string> own = command_line_of(getpid());
  ASSERT_FALSE(own.empty());
  const auto reaping = std::signal(SIGCHLD, SIG_IGN);  // the kernel reaps, at once
  for (int child = 0; child < 200; ++child) {
    const pid_t pid = fork();
    ASSERT_GE(pid, 0);
    if (pid == 0) _exit(0);
    while (kill(pid, 0) == 0) {
      const std::vector<std::string> arguments = command_line_of(pid);
      EXPECT_TRUE(arguments.empty() || arguments == own);
      EXPECT_FALSE(build_of(pid, {"python3", "app.py"}).empty());
    }
  }
  std::signal(SIGCHLD, reaping);
}

}  // namespace
}  // namespace mla
