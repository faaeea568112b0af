#include <dlfcn.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "hooks/elf_symbols.h"

extern "C" __attribute__((visibility("default"))) int mla_symbol_of_this_test;
int mla_symbol_of_this_test = 1;

namespace mla {
namespace {

const struct link_map* library(const std::string& part) {
  for (const struct link_map* o = first_object(); o != nullptr; o = o->l_next) {
    if (std::string(o->l_name).find(part) != std::string::npos) return o;
  }
  return nullptr;
}

const struct link_map* libc() { return library("/libc.so.6"); }

TEST(ElfSymbols, FindsAFunctionInItsLibrary) {
  ASSERT_NE(libc(), nullptr);
  void* handle = dlopen("libc.so.6", RTLD_NOW | RTLD_NOLOAD);
  ASSERT_NE(handle, nullptr);
  for (const char* name : {"malloc", "free", "qsort", "gnu_get_libc_version"}) {
    void* expected = dlsym(handle, name);
    EXPECT_NE(expected, nullptr);
    EXPECT_EQ(find_function(libc(), name), expected) << name;
  }
  dlclose(handle);
}

TEST(ElfSymbols, FindsNothingElse) {
  EXPECT_EQ(find_function(libc(), "malloc_"), nullptr);
  EXPECT_EQ(find_function(libc(), "mallo"), nullptr);
  EXPECT_EQ(find_function(libc(), ""), nullptr);
  EXPECT_EQ(find_function(nullptr, "malloc"), nullptr);
  EXPECT_EQ(find_function(libc(), "cfree"), nullptr) << "not a default version";
  EXPECT_EQ(find_function(libc(), "strlen"), nullptr) << "an indirect function";
  EXPECT_EQ(find_function(libc(), "stdout"), nullptr) << "not a function";
  EXPECT_EQ(find_function(libc(), "_ZSt9terminatev"), nullptr) << "of another library";
}

TEST(ElfSymbols, FindsDataAsASymbol) {
  EXPECT_NE(find_symbol(libc(), "stdout"), nullptr);
  EXPECT_EQ(find_symbol(libc(), "no_such_symbol"), nullptr);
}

TEST(ElfSymbols, EveryLoadedObjectCanBeAsked) {
  int objects = 0;
  for (const struct link_map* o = first_object(); o != nullptr; o = o->l_next) {
    EXPECT_EQ(find_function(o, "no_such_function_anywhere"), nullptr);
    ++objects;
  }
  EXPECT_GT(objects, 3);
}

TEST(ElfSymbols, FindsDefinersInOrder) {
  const struct link_map* definer = find_definer(nullptr, "gnu_get_libc_version");
  ASSERT_NE(definer, nullptr);
  EXPECT_EQ(definer, libc());
  EXPECT_EQ(find_definer(libc(), "gnu_get_libc_version"), nullptr);
  EXPECT_EQ(find_definer(nullptr, "no_such_function_anywhere"), nullptr);
}

TEST(ElfSymbols, FindsTheObjectOfAnAddress) {
  EXPECT_EQ(object_of(find_function(libc(), "gnu_get_libc_version")), libc());
  EXPECT_EQ(object_of(&mla_symbol_of_this_test), first_object());
  int local = 0;
  EXPECT_EQ(object_of(&local), nullptr);
}

TEST(ElfSymbols, KnowsTheRangeOfAnObject) {
  const AddressRange range = range_of(libc());
  const auto inside = reinterpret_cast<uintptr_t>(find_function(libc(), "gnu_get_libc_version"));
  EXPECT_TRUE(range.holds(inside));
  EXPECT_TRUE(range.holds(range.low));
  EXPECT_FALSE(range.holds(range.high));
  EXPECT_FALSE(range.holds(reinterpret_cast<uintptr_t>(&mla_symbol_of_this_test)));
  EXPECT_FALSE(range_of(nullptr).holds(inside));
}

}  // namespace
}  // namespace mla
