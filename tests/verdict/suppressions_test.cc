// The file format of suppressions, and what a pattern matches.
#include "verdict/suppressions.h"

#include <gtest/gtest.h>

#include <fstream>

#include "reader/error.h"
#include "support/temporary_directory.h"

namespace mla {
namespace {

std::string error_of(std::string_view text) {
  try {
    parse_suppressions(text, "s.supp");
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(Suppressions, Lines) {
  const auto all = parse_suppressions(
      "# known\r\n\n  leak:first \t\r\n\t# leak:comment\nleak:a b*c$\nleak:^x", "s.supp");
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0].pattern, "first");
  EXPECT_EQ(all[0].line, 3U);
  EXPECT_EQ(all[1].pattern, "a b*c$");
  EXPECT_EQ(all[1].line, 5U);
  EXPECT_EQ(all[2].pattern, "^x");
  EXPECT_EQ(all[2].file, "s.supp");
  EXPECT_TRUE(parse_suppressions("", "s").empty());
  EXPECT_TRUE(parse_suppressions("\n# only\n", "s").empty());
  EXPECT_EQ(parse_suppressions("\xEF\xBB\xBFleak:a", "s").size(), 1U);
}

TEST(Suppressions, BadLinesAreNamed) {
  EXPECT_NE(error_of("leak:a\nrace:b").find("s.supp:2: is of type 'race'"), std::string::npos);
  EXPECT_NE(error_of("foo").find("s.supp:1: does not start with"), std::string::npos);
  EXPECT_NE(error_of("leak : a").find("s.supp:1: is of type"), std::string::npos);
  EXPECT_NE(error_of("\n\nleak:").find("s.supp:3: has no pattern"), std::string::npos);
  EXPECT_NE(error_of("leak:^").find("no pattern"), std::string::npos);
  EXPECT_NE(error_of("leak:a$b").find("after '$'"), std::string::npos);
  EXPECT_NE(error_of("leak:a$$").find("after '$'"), std::string::npos);
  EXPECT_NE(error_of(std::string_view("leak:a\0b", 8)).find("no text"), std::string::npos);
}

TEST(Suppressions, Files) {
  const test::TemporaryDirectory directory;
  const std::string path = directory / "known.supp";
  std::ofstream(path) << "leak:a\n";
  EXPECT_EQ(read_suppressions(path).size(), 1U);
  EXPECT_THROW(read_suppressions(directory / "none"), Error);
  EXPECT_THROW(read_suppressions(directory.path()), Error);
}

// What LeakSanitizer's matcher says of the same.
TEST(Suppressions, Patterns) {
  EXPECT_TRUE(suppression_matches("foo", "foo"));
  EXPECT_TRUE(suppression_matches("foo", "a_foo_b"));
  EXPECT_FALSE(suppression_matches("foo", "fo"));
  EXPECT_FALSE(suppression_matches("foo", ""));
  EXPECT_FALSE(suppression_matches("*", ""));
  EXPECT_TRUE(suppression_matches("*", "a"));
  EXPECT_TRUE(suppression_matches("^foo", "foobar"));
  EXPECT_FALSE(suppression_matches("^foo", "barfoo"));
  EXPECT_TRUE(suppression_matches("foo$", "barfoo"));
  EXPECT_FALSE(suppression_matches("foo$", "foobar"));
  EXPECT_TRUE(suppression_matches("^foo$", "foo"));
  EXPECT_FALSE(suppression_matches("^foo$", "foofoo"));
  EXPECT_TRUE(suppression_matches("a*c", "xaXXcx"));
  EXPECT_FALSE(suppression_matches("a*c", "ca"));
  EXPECT_TRUE(suppression_matches("^a*c$", "abcc"));
  EXPECT_FALSE(suppression_matches("^a*c$", "abcd"));
  EXPECT_TRUE(suppression_matches("^*foo", "barfoo"));
  EXPECT_TRUE(suppression_matches("foo*$", "foobar"));
  EXPECT_TRUE(suppression_matches("a**b", "axb"));
  EXPECT_TRUE(suppression_matches("a^b", "xa^bx"));
  EXPECT_TRUE(suppression_matches("ns::f(int)", "ns::f(int) const"));
  // Unlike there: `$` is the end, whichever the first place is where what stands before it fits.
  EXPECT_TRUE(suppression_matches("foo$", "foofoo"));
  EXPECT_FALSE(suppression_matches("^ab*b$", "ab"));
}

}  // namespace
}  // namespace mla
