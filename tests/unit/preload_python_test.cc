// What is read of a Python without one: versions, strings, and memory that is not there.
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <array>
#include <cstring>
#include <string>

#include "python/layout.h"
#include "python/memory.h"
#include "python/text.h"

namespace mla {
namespace {

TEST(PythonLayouts, VersionsThatAreKnown) {
  const auto known = [](const char* text) { return find_python_layout(text) != nullptr; };
  for (const char* text : {"2.7.18 (default, ...)", "3.7.16", "3.8.18", "3.9.18", "3.10.13",
                           "3.11.2 (main, Apr 28 2025)", "3.12.1", "3.13.0rc2"}) {
    EXPECT_TRUE(known(text)) << text;
  }
  for (const char* text : {"", "3", "3.", "3.11", "3.6.15", "3.14.0", "4.0.0", "3.12.0a1",
                           "3.13.0b4", "999999999999.1.0", "x.y.z"}) {
    EXPECT_FALSE(known(text)) << text;
  }
  EXPECT_EQ(find_python_layout("3.11.2")->version, 0x030b);
}

// A str as 3.12 and later lay it out.
class PythonStrings : public testing::Test {
 protected:
  template <class Char>
  std::string read(const std::basic_string<Char>& characters, bool ascii, uint64_t capacity = 64) {
    object_.fill(0);
    put<uint64_t>(8, type_);
    put<uint64_t>(16, characters.size());
    put<uint32_t>(32, sizeof(Char) << 2 | 1U << 5 | (ascii ? 1U << 6 : 0U));
    std::memcpy(object_.data() + (ascii ? 40 : 56), characters.data(),
                characters.size() * sizeof(Char));
    std::string result(capacity, '?');
    uint64_t length = 0;
    if (!text_.read(reinterpret_cast<uintptr_t>(object_.data()), result.data(), capacity, length)) {
      return "unreadable";
    }
    result.resize(length);
    return result;
  }
  template <class T>
  void put(size_t at, T value) {
    std::memcpy(object_.data() + at, &value, sizeof value);
  }

  alignas(16) std::array<char, 512> object_{};
  uintptr_t type_ = 0x1000;
  PythonText text_{*find_python_layout("3.12.1"), 0x1000};
};

TEST_F(PythonStrings, AllKindsAsUtf8) {
  EXPECT_EQ(read<char>("run_server.py", true), "run_server.py");
  EXPECT_EQ(read<char>("", true), "");
  EXPECT_EQ(read<char>("caf\xe9", false), "caf\xc3\xa9");
  EXPECT_EQ(read<char16_t>(u"\u03b1\u20ac", false), "\xce\xb1\xe2\x82\xac");
  EXPECT_EQ(read<char32_t>(U"\U0001f40d", false), "\xf0\x9f\x90\x8d");
}

TEST_F(PythonStrings, CutToWholeCharacters) {
  EXPECT_EQ(read<char>("abcdefgh", true, 5), "abcde");
  const std::string cut = read<char16_t>(std::u16string(100, u'\u20ac'), false, 32);
  EXPECT_EQ(cut.size() % 3, 0U);
  EXPECT_GE(cut.size(), 27U);
}

TEST_F(PythonStrings, OtherThingsAreNoText) {
  type_ = 0x2000;
  EXPECT_EQ(read<char>("abc", true), "unreadable");
  char to[8];
  uint64_t length = 0;
  EXPECT_FALSE(text_.read(0, to, sizeof to, length));
  EXPECT_FALSE(text_.read(8, to, sizeof to, length));
  EXPECT_FALSE(text_.read(uintptr_t{1} << 50, to, sizeof to, length));
}

TEST(CheckedMemory, NothingIsReadThatIsNotThere) {
  constexpr size_t kPage = 4096;
  char* pages = static_cast<char*>(
      mmap(nullptr, 2 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  ASSERT_NE(pages, MAP_FAILED);
  ASSERT_EQ(munmap(pages + kPage, kPage), 0);
  const auto at = reinterpret_cast<uintptr_t>(pages);
  CheckedMemory memory;
  uint64_t word = 1;
  EXPECT_TRUE(memory.load(at + kPage - 8, word));
  EXPECT_EQ(word, 0U);
  EXPECT_FALSE(memory.load(at + kPage, word));
  EXPECT_FALSE(memory.load(at + 4, word));  // not aligned
  EXPECT_FALSE(memory.load(0, word));
  EXPECT_TRUE(memory.is_readable(at + 100, kPage - 100));
  EXPECT_FALSE(memory.is_readable(at + 100, kPage));
  EXPECT_TRUE(memory.is_readable(at + kPage, 0));
  munmap(pages, kPage);
}

}  // namespace
}  // namespace mla
