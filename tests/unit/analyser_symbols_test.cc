// Names, lines and inlined frames of a library whose truth is known (fixture/symbols_fixture.cc).
#include <dlfcn.h>
#include <gtest/gtest.h>

#include "support/temporary_directory.h"
#include "symbols/demangle.h"
#include "symbols/elf_file.h"
#include "symbols/interval_map.h"
#include "symbols/module_symbols.h"
#include "symbols/symbolizer.h"

namespace mla {
namespace {

using test::TemporaryDirectory;

// A stack of one node: a call inside shop::Cart::add, taken from a loaded copy of the fixture.
class Symbols : public testing::Test {
 protected:
  void load(const std::string& path) {
    void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    ASSERT_NE(library, nullptr) << dlerror();
    reinterpret_cast<void (*)()>(dlsym(library, "fixture_run"))();
    pc_ = reinterpret_cast<uint64_t>(*static_cast<void**>(dlsym(library, "fixture_pc")));
    const auto line = [library](const char* name) {
      return static_cast<uint32_t>(*static_cast<int*>(dlsym(library, name)));
    };
    inner_line_ = line("fixture_inner_line");
    middle_line_ = line("fixture_middle_line");
    outer_line_ = line("fixture_outer_line");
    Dl_info info;
    ASSERT_NE(dladdr(reinterpret_cast<void*>(pc_), &info), 0);
    bias_ = reinterpret_cast<uint64_t>(info.dli_fbase);
    dlclose(library);  // the addresses outlive it, as in a recording
    build_id_ = ElfFile::open(path)->build_id();
    ASSERT_EQ(build_id_.size(), 40U);
    snapshot_.modules.resize(2);
    snapshot_.modules[1] = {path, build_id_, bias_, bias_ + 0x100000, bias_, 1, 2, ""};
    snapshot_.nodes = {{}, {pc_, 0, 1, false}};
  }

  void expect_all_frames(const std::vector<Frame>& frames) {
    ASSERT_EQ(frames.size(), 3U);
    EXPECT_EQ(frames[0].function, "shop::inner(int)");
    EXPECT_EQ(frames[0].kind, FrameKind::kInlined);
    EXPECT_EQ(frames[0].line, inner_line_);
    EXPECT_EQ(frames[1].function, "shop::middle(long)");
    EXPECT_EQ(frames[1].kind, FrameKind::kInlined);
    EXPECT_EQ(frames[1].line, middle_line_);
    EXPECT_EQ(frames[2].function, "shop::Cart::add(double, int)");
    EXPECT_EQ(frames[2].kind, FrameKind::kNative);
    EXPECT_EQ(frames[2].line, outer_line_);
    for (const Frame& frame : frames) {
      EXPECT_TRUE(frame.file.ends_with("fixture/symbols_fixture.cc")) << frame.file;
      EXPECT_EQ(frame.module, snapshot_.modules[1].path);
      EXPECT_EQ(frame.pc, pc_);
    }
  }

  Snapshot snapshot_;
  uint64_t pc_ = 0;
  uint64_t bias_ = 0;
  std::string build_id_;
  uint32_t inner_line_ = 0;
  uint32_t middle_line_ = 0;
  uint32_t outer_line_ = 0;
};

TEST_F(Symbols, InlinedFramesWithTheirLines) {
  load(MLA_FIXTURE);
  Symbolizer symbolizer(snapshot_);
  expect_all_frames(symbolizer.frames_of(1));
  EXPECT_TRUE(symbolizer.warnings().empty());
  EXPECT_EQ(&symbolizer.frames_of(1), &symbolizer.frames_of(1));
}

TEST_F(Symbols, StackIsLeafFirst) {
  load(MLA_FIXTURE);
  snapshot_.nodes.push_back({static_cast<uint64_t>(format::PcMark::kIncomplete), 1, 0, false});
  Symbolizer symbolizer(snapshot_);
  const std::vector<const Frame*> stack = symbolizer.stack_of(2);
  ASSERT_EQ(stack.size(), 4U);
  EXPECT_EQ(stack[0]->function, "[stack could not be unwound further]");
  EXPECT_EQ(stack[1]->function, "shop::inner(int)");
  EXPECT_EQ(stack[3]->function, "shop::Cart::add(double, int)");
}

TEST_F(Symbols, SeparateDebugFileByBuildId) {
  load(std::string(MLA_FIXTURES) + "/stripped.so");
  const TemporaryDirectory debug;
  const std::string folder = debug / ".build-id/" + build_id_.substr(0, 2);
  std::filesystem::create_directories(folder);
  std::filesystem::copy(std::string(MLA_FIXTURES) + "/fixture.debug",
                        folder + "/" + build_id_.substr(2) + ".debug");
  Symbolizer symbolizer(snapshot_, {{debug.path()}});
  expect_all_frames(symbolizer.frames_of(1));
  // And without the module itself: a recording on another machine.
  snapshot_.modules[1].path = "/absent/stripped.so";
  Symbolizer elsewhere(snapshot_, {{debug.path()}});
  expect_all_frames(elsewhere.frames_of(1));
  EXPECT_TRUE(elsewhere.warnings().empty());
}

TEST_F(Symbols, SeparateDebugFileByDebugLink) {
  load(std::string(MLA_FIXTURES) + "/linked.so");
  Symbolizer symbolizer(snapshot_);
  expect_all_frames(symbolizer.frames_of(1));
}

// mla top has the files open for hours, and a library may be copied over meanwhile.
TEST_F(Symbols, AFileThatIsCutWhileItIsOpen) {
  load(std::string(MLA_FIXTURES) + "/linked.so");
  const TemporaryDirectory directory;
  const std::string copy = directory / "linked.so";
  std::filesystem::create_directory(directory / ".debug");
  const std::filesystem::path debug =
      std::filesystem::path(std::string(MLA_FIXTURES)) / "fixture.debug";
  for (const std::string& cut : {copy, directory / ".debug/fixture.debug"}) {
    std::filesystem::copy(std::string(MLA_FIXTURES) + "/linked.so", copy,
                          std::filesystem::copy_options::overwrite_existing);
    std::filesystem::copy(debug, directory / ".debug/fixture.debug",
                          std::filesystem::copy_options::overwrite_existing);
    snapshot_.modules[1].path = copy;
    ModuleSymbols module(snapshot_.modules[1], {});
    ASSERT_EQ(module.frames_of(pc_ - 1, pc_).size(), 3U);
    std::filesystem::resize_file(cut, 0);
    const std::vector<Frame> frames = module.frames_of(pc_ - 1, pc_);
    ASSERT_EQ(frames.size(), 1U) << cut;
    EXPECT_EQ(frames[0].function, "shop::Cart::add(double, int)");
  }
}

TEST_F(Symbols, SymbolTableAlone) {
  load(std::string(MLA_FIXTURES) + "/nodebug.so");
  Symbolizer symbolizer(snapshot_);
  const std::vector<Frame>& frames = symbolizer.frames_of(1);
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(frames[0].function, "shop::Cart::add(double, int)");
  EXPECT_EQ(frames[0].file, "");
  EXPECT_EQ(frames[0].line, 0U);
}

TEST_F(Symbols, AnotherBuildIsNotBelieved) {
  load(MLA_FIXTURE);
  snapshot_.modules[1].build_id[0] = snapshot_.modules[1].build_id[0] == '0' ? '1' : '0';
  Symbolizer symbolizer(snapshot_);
  const std::vector<Frame>& frames = symbolizer.frames_of(1);
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(frames[0].function, "");
  char label[64];
  std::snprintf(label, sizeof label, "+0x%llx", static_cast<unsigned long long>(pc_ - bias_ - 1));
  EXPECT_TRUE(frame_label(frames[0]).ends_with(label)) << frame_label(frames[0]);
  ASSERT_EQ(symbolizer.warnings().size(), 1U);
  EXPECT_NE(symbolizer.warnings()[0].find("build-id differs"), std::string::npos);
}

TEST_F(Symbols, MissingFilesAndCodeOfNoFile) {
  load(MLA_FIXTURE);
  snapshot_.modules.resize(4);
  snapshot_.modules[1].path = "/absent/lib.so (deleted)";
  snapshot_.modules[2] = {"[vdso]", "", 0x7000, 0x8000, 0x7000, 0, 0, ""};
  snapshot_.modules[3] = {"/dev/zero", "", 0x9000, 0xa000, 0x9000, 0, 0, ""};
  snapshot_.nodes.push_back({0x7100, 0, 2, true});
  snapshot_.nodes.push_back({0x9100, 0, 3, true});
  snapshot_.nodes.push_back({0x123456, 0, 0, true});
  Symbolizer symbolizer(snapshot_);
  EXPECT_EQ(symbolizer.frames_of(1)[0].function, "");
  EXPECT_EQ(frame_label(symbolizer.frames_of(2)[0]), "[vdso]+0x100");
  EXPECT_EQ(frame_label(symbolizer.frames_of(3)[0]), "zero+0x100");
  EXPECT_EQ(frame_label(symbolizer.frames_of(4)[0]), "0x123456");
  EXPECT_TRUE(symbolizer.frames_of(0).empty());
  EXPECT_TRUE(symbolizer.frames_of(99).empty());
  EXPECT_EQ(symbolizer.warnings().size(), 2U);
}

TEST(Demangle, Names) {
  const std::pair<const char*, const char*> cases[] = {
      {"malloc", "malloc"},
      {"_Znwm", "operator new(unsigned long)"},
      {"_ZN4shop4Cart3addEdi", "shop::Cart::add(double, int)"},
      {"_ZN4shop4Cart3addEdi.constprop.0", "shop::Cart::add(double, int)"},
      {"_ZN4shop4Cart3addEdi.isra.0.cold", "shop::Cart::add(double, int)"},
      {"read_all.part.0", "read_all"},
      {"_ZNSt6vectorIiSaIiEE9push_backEOi",
       "std::vector<int, std::allocator<int> >::push_back(int&&)"},
      // Rust, legacy: the hash goes.
      {"_ZN4core3fmt9Formatter9write_str17h0123456789abcdefE", "core::fmt::Formatter::write_str"},
      {"_ZN63_$LT$alloc..vec..Vec$LT$T$GT$$u20$as$u20$core..clone..Clone$GT$"
       "5clone17h89abcdef01234567E",
       "<alloc::vec::Vec<T> as core::clone::Clone>::clone"},
      // Rust, v0.
      {"_RNvC6_123foo3bar", "123foo::bar"},
      {"_RNvNtCs1234_7mycrate3foo3bar", "mycrate::foo::bar"},
      // Not mangled, though they look so.
      {"_Z", "_Z"},
      {"_Rubbish", "_Rubbish"},
      {"", ""},
  };
  for (const auto& [mangled, name] : cases) EXPECT_EQ(demangle(mangled), name) << mangled;
}

TEST(IntervalMap, LaterCoversEarlier) {
  IntervalMap map;
  EXPECT_EQ(map.at(5), IntervalMap::kNone);
  map.paint(10, 50, 1);
  map.paint(20, 30, 2);
  map.paint(25, 26, 3);
  map.paint(7, 7, 9);
  map.paint(45, 60, 4);
  EXPECT_EQ(map.at(9), IntervalMap::kNone);
  EXPECT_EQ(map.at(10), 1U);
  EXPECT_EQ(map.at(20), 2U);
  EXPECT_EQ(map.at(25), 3U);
  EXPECT_EQ(map.at(26), 2U);
  EXPECT_EQ(map.at(30), 1U);
  EXPECT_EQ(map.at(45), 4U);
  EXPECT_EQ(map.at(59), 4U);
  EXPECT_EQ(map.at(60), IntervalMap::kNone);
  map.paint(0, 100, 5);
  EXPECT_EQ(map.at(25), 5U);
  EXPECT_EQ(map.at(100), IntervalMap::kNone);
}

}  // namespace
}  // namespace mla
