// Whole files that may go away, or be another's, while they are read.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <string>

#include "reader/regular_file.h"
#include "support/temporary_directory.h"

namespace mla {
namespace {

TEST(RegularFile, WholeOrItsFirstBytes) {
  const test::TemporaryDirectory directory;
  const std::string path = directory / "long";
  const std::string text(100'000, 'x');
  std::ofstream(path) << text;
  EXPECT_EQ(read_regular_file(path), text);
  EXPECT_EQ(read_regular_file(path, 20'000), text.substr(0, 20'000));
  EXPECT_EQ(read_regular_file(path, 0), "");
  EXPECT_TRUE(read_regular_file("/proc/self/status").starts_with("Name:\t"));
}

TEST(RegularFile, WhatCannotBeRead) {
  const test::TemporaryDirectory directory;
  ASSERT_EQ(mkfifo((directory / "fifo").c_str(), 0600), 0);
  EXPECT_EQ(read_regular_file(directory / "none"), "");
  EXPECT_EQ(read_regular_file(directory.path()), "");
  EXPECT_EQ(read_regular_file(directory / "fifo"), "") << "and does not wait for a writer";
  // Opened, and fails when it is read, as the files of a process do that ended in between.
  EXPECT_EQ(read_regular_file("/proc/self/mem"), "");
}

}  // namespace
}  // namespace mla
