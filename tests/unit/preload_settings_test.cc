#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "segment/settings.h"
#include "segment/text.h"

namespace mla {
namespace {

class Environment {
 public:
  Environment(std::initializer_list<const char*> variables) {
    for (const char* v : variables) list_.push_back(const_cast<char*>(v));
    list_.push_back(nullptr);
  }
  char** list() { return list_.data(); }

 private:
  std::vector<char*> list_;
};

Settings read(Environment environment, std::string* complaint = nullptr) {
  char text[512];
  const Settings settings = read_settings(environment.list(), text, sizeof text);
  if (complaint != nullptr) *complaint = text;
  return settings;
}

TEST(Settings, HaveDefaults) {
  std::string complaint = "?";
  const Settings s = read({"HOME=/", "MLA=1", "XMLA_DIR=/x"}, &complaint);
  EXPECT_EQ(s.directory, nullptr);
  EXPECT_EQ(s.allocator, nullptr);
  EXPECT_TRUE(s.follow);
  EXPECT_FALSE(s.reference_unwinder);
  EXPECT_EQ(s.unwind_check, 0U);
  EXPECT_EQ(complaint, "");
}

TEST(Settings, AreRead) {
  std::string complaint;
  const Settings s = read({"MLA_DIR=/recordings", "MLA_ALLOCATOR=jemalloc", "MLA_FOLLOW=0",
                           "MLA_UNWIND=libunwind", "MLA_UNWIND_CHECK=7", "MLA_PYTHON=off"},
                          &complaint);
  EXPECT_STREQ(s.directory, "/recordings");
  EXPECT_STREQ(s.allocator, "jemalloc");
  EXPECT_FALSE(s.follow);
  EXPECT_TRUE(s.reference_unwinder);
  EXPECT_EQ(s.python, format::PythonMode::kNone);
  EXPECT_EQ(s.unwind_check, 7U);
  EXPECT_EQ(complaint, "");
}

TEST(Settings, EmptyIsUnset) {
  std::string complaint;
  const Settings s = read({"MLA_DIR=", "MLA_ALLOCATOR=", "MLA_FOLLOW=", "MLA_UNWIND="}, &complaint);
  EXPECT_EQ(s.directory, nullptr);
  EXPECT_EQ(s.allocator, nullptr);
  EXPECT_TRUE(s.follow);
  EXPECT_EQ(complaint, "");
}

TEST(Settings, WhatIsNotUnderstoodIsExplained) {
  for (const char* variable :
       {"MLA_FOLLOW=no", "MLA_UNWIND=fast", "MLA_PYTHON=no", "MLA_UNWIND_CHECK=-1",
        "MLA_UNWIND_CHECK=7x", "MLA_UNWIND_CHECK=4294967296",
        "MLA_UNWIND_CHECK=99999999999999999999999"}) {
    std::string complaint;
    const Settings s = read({variable}, &complaint);
    EXPECT_TRUE(s.follow);
    EXPECT_EQ(s.python, format::PythonMode::kFrames);
    EXPECT_FALSE(s.reference_unwinder);
    EXPECT_EQ(s.unwind_check, 0U);
    EXPECT_EQ(complaint.find(std::string(variable) + " is not understood and was ignored: "), 0U);
    EXPECT_EQ(complaint.back(), '\n');
  }
  std::string complaint;
  EXPECT_EQ(read({"MLA_UNWIND_CHECK=4294967295"}, &complaint).unwind_check, 4294967295U);
  EXPECT_EQ(read({"MLA_UNWIND_CHECK=0"}, &complaint).unwind_check, 0U);
  EXPECT_EQ(complaint, "");
}

TEST(Settings, SamplingMayBeOff) {
  EXPECT_EQ(read({}).sample_interval, format::kExactInterval);
  EXPECT_EQ(read({"MLA_SAMPLE=off"}).sample_interval, format::kOffInterval);
  EXPECT_EQ(read({"MLA_SAMPLE=off", "MLA_BUDGET=1%"}).sample_interval, format::kOffInterval);
}

TEST(Settings, ALimitThatIsNotUnderstoodIsStillALimit) {
  for (const char* variable :
       {"MLA_SAMPLE=1%", "MLA_SAMPLE=1", "MLA_SAMPLE=2G", "MLA_BUDGET=200%", "MLA_BUDGET=little"}) {
    std::string complaint;
    EXPECT_EQ(read({variable}, &complaint).sample_interval, 512U * 1024);
    EXPECT_EQ(complaint.find(std::string(variable) +
                             " is not understood and was taken for MLA_SAMPLE=512K: "),
              0U);
  }
  EXPECT_EQ(read({"MLA_SAMPLE=64K", "MLA_BUDGET=little"}).sample_interval, 64U * 1024);
}

TEST(Settings, TrimIntervalHasUnits) {
  constexpr uint64_t kSecond = 1'000'000'000;
  const struct {
    const char* variable;
    uint64_t ns;
  } kUnderstood[] = {{"MLA_TRIM_INTERVAL=60s", 60 * kSecond},
                     {"MLA_TRIM_INTERVAL=2", 2 * kSecond},
                     {"MLA_TRIM_INTERVAL=500ms", kSecond / 2},
                     {"MLA_TRIM_INTERVAL=5m", 300 * kSecond},
                     {"MLA_TRIM_INTERVAL=1h", 3600 * kSecond},
                     {"MLA_TRIM_INTERVAL=0", 0},
                     {"MLA_TRIM_INTERVAL=", 0}};
  std::string complaint;
  for (const auto& [variable, ns] : kUnderstood) {
    EXPECT_EQ(read({variable}, &complaint).trim_interval_ns, ns) << variable;
    EXPECT_EQ(complaint, "") << variable;
  }
  for (const char* variable :
       {"MLA_TRIM_INTERVAL=s", "MLA_TRIM_INTERVAL=-1s", "MLA_TRIM_INTERVAL=1 s",
        "MLA_TRIM_INTERVAL=60sec", "MLA_TRIM_INTERVAL=9ms", "MLA_TRIM_INTERVAL=1001h",
        "MLA_TRIM_INTERVAL=99999999999999999999h", "MLA_TRIM_INTERVAL=1.5s"}) {
    EXPECT_EQ(read({variable}, &complaint).trim_interval_ns, 0U) << variable;
    EXPECT_NE(complaint.find("60s"), std::string::npos) << variable;
  }
}

TEST(Settings, VariablesAreFoundByTheirWholeName) {
  Environment e{"MLA_DIRECTORY=a", "MLA_DI=b", "MLA_DIR=c", "MLA_DIR=d"};
  EXPECT_STREQ(find_variable(e.list(), "MLA_DIR"), "c");
  EXPECT_EQ(find_variable(e.list(), "MLA_D"), nullptr);
  EXPECT_EQ(find_variable(nullptr, "MLA_DIR"), nullptr);
}

TEST(Settings, AreWrittenForTheReport) {
  Environment e{"A=1", "MLA_DIR=/x", "LD_PRELOAD=y", "MLA_FOLLOW=0"};
  char text[64];
  EXPECT_EQ(write_settings(e.list(), text, sizeof text), 24U);
  EXPECT_STREQ(text, "MLA_DIR=/x\nMLA_FOLLOW=0\n");
  EXPECT_EQ(write_settings(e.list(), text, 8), 7U);  // cut, and terminated
  EXPECT_STREQ(text, "MLA_DIR");
}

TEST(Settings, KnowALibraryOfMla) {
  const auto preloads = [](const std::string& value) {
    return preloads_mla(value.data(), value.size());
  };
  EXPECT_TRUE(preloads("/usr/lib/libmla.so"));
  EXPECT_TRUE(preloads("libjemalloc.so.2:/x/libmla.so"));
  EXPECT_FALSE(preloads("libjemalloc.so.2"));
  EXPECT_FALSE(preloads("libmla.s"));
  EXPECT_FALSE(preloads(""));
}

TEST(Text, CutsAndRemembersIt) {
  char buffer[8];
  Text text(buffer, sizeof buffer);
  EXPECT_STREQ(text.add("ab").add_number(0).add_number(255, 16).c_str(), "ab0ff");
  EXPECT_FALSE(text.cut());
  EXPECT_STREQ(text.add("xyz").c_str(), "ab0ffxy");
  EXPECT_TRUE(text.cut());
  EXPECT_EQ(text.length(), 7U);
}

TEST(Text, Helpers) {
  EXPECT_STREQ(base_name("/a/b"), "b");
  EXPECT_STREQ(base_name("b"), "b");
  EXPECT_STREQ(base_name("/a/"), "");
  EXPECT_TRUE(starts_with("abc", "ab"));
  EXPECT_FALSE(starts_with("a", "ab"));
  EXPECT_EQ(find_text("a\0bc", 4, "bc"), 2U);
  EXPECT_EQ(find_text("abc", 3, "cd"), 3U);
  EXPECT_EQ(find_text("", 0, "a"), 0U);
}

}  // namespace
}  // namespace mla
