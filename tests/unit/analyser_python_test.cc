// Python stacks of a recording: what the reader believes, and how they meet the native stack.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "reader/reader.h"
#include "report/groups.h"
#include "support/segment_builder.h"
#include "support/temporary_directory.h"
#include "symbols/symbolizer.h"

namespace mla {
namespace {

using format::PythonCodeId;
using format::Table;
using test::SegmentBuilder;
using test::TemporaryDirectory;

Snapshot read(SegmentBuilder& builder) {
  const TemporaryDirectory directory;
  builder.write(directory / "a.mla");
  return read_snapshot(directory / "a.mla");
}

uint64_t python_pc(uint32_t code, uint64_t offset, bool entry) {
  return format::make_python_pc(PythonCodeId{code}, offset, entry);
}

uint32_t paired_site(SegmentBuilder& builder, uint32_t native, uint32_t python) {
  const uint32_t site = builder.site(native);
  builder.record<format::SiteRecord>(Table::kSites, site).python = python;
  builder.counter(site, 1, 100);
  return site;
}

TEST(PythonReader, CodesNodesAndSites) {
  SegmentBuilder builder;
  const uint32_t f = builder.python_code("/a/b.py", "Class.f", 10);
  const uint32_t again = builder.python_code("/a/b.py", "Class.f", 10);
  const uint32_t outer = builder.node(0, python_pc(f, 6, true));
  const uint32_t inner = builder.node(outer, python_pc(f, 8, false));
  const uint32_t twin = builder.node(outer, python_pc(again, 8, false));
  const uint32_t native = builder.node(0, 0x1234);
  paired_site(builder, native, inner);
  paired_site(builder, native, twin);
  const Snapshot snapshot = read(builder);
  EXPECT_EQ(snapshot.damage, std::vector<std::string>{});
  ASSERT_EQ(snapshot.python_codes.size(), 2U);
  EXPECT_EQ(snapshot.python_codes[1].file, "/a/b.py");
  EXPECT_EQ(snapshot.python_codes[1].function, "Class.f");
  ASSERT_EQ(snapshot.sites.size(), 1U);  // equal code objects make equal stacks
  EXPECT_EQ(snapshot.sites[0].alloc_count, 2U);
  const StackNode& node = snapshot.nodes[snapshot.sites[0].python];
  EXPECT_EQ(node.kind, NodeKind::kPython);
  EXPECT_EQ(node.pc, 8U);
  EXPECT_FALSE(node.entry);
  EXPECT_TRUE(snapshot.nodes[node.parent].entry);
}

TEST(PythonReader, NamesAcrossBlocks) {
  SegmentBuilder builder;
  builder.claimed(Table::kPythonBytes) = format::kBlockBytes - 3;
  builder.python_code("/a/file.py", std::string(70000, 'n'), 1);
  paired_site(builder, builder.node(0, 0x1234), builder.node(0, python_pc(1, 0, true)));
  const Snapshot snapshot = read(builder);
  EXPECT_EQ(snapshot.damage, std::vector<std::string>{});
  EXPECT_EQ(snapshot.python_codes[1].file, "/a/file.py");
  EXPECT_EQ(snapshot.python_codes[1].function, std::string(70000, 'n'));
}

TEST(PythonReader, BelievesNothing) {
  SegmentBuilder builder;
  const uint32_t code = builder.python_code("/a/b.py", "f", 1);
  auto& record = builder.record<format::PythonCodeRecord>(Table::kPythonCode, code);
  record.function = ~uint64_t{0};
  record.lines_format = 77;
  const uint32_t unknown = builder.node(0, python_pc(900, 0, true));
  const uint32_t reserved = builder.node(0, python_pc(code, 0, true) | 1ULL << 50);
  paired_site(builder, builder.node(0, 0x1234), unknown);
  paired_site(builder, builder.node(0, 0x1235), reserved);
  paired_site(builder, builder.node(0, 0x1236), 4711);
  const Snapshot snapshot = read(builder);
  EXPECT_EQ(snapshot.damage.size(), 5U);
  EXPECT_EQ(snapshot.python_codes[1].function, "");
  EXPECT_EQ(snapshot.python_codes[1].lines_format, format::PythonLines::kNone);
  for (const Site& site : snapshot.sites) {
    EXPECT_EQ(snapshot.nodes[site.python].code, 0U);
  }
}

TEST(PythonReader, TheSameBytesOverAndOverAreBounded) {
  SegmentBuilder builder;
  builder.python_code("/a/b.py", std::string(1 << 20, 'x'), 1);
  const auto first = builder.record<format::PythonCodeRecord>(Table::kPythonCode, 1).function;
  for (uint32_t i = 2; i < 400; ++i) {
    builder.python_code("/a/b.py", "f", i);
    builder.record<format::PythonCodeRecord>(Table::kPythonCode, i).function = first;
  }
  const Snapshot snapshot = read(builder);
  ASSERT_EQ(snapshot.damage.size(), 1U);
  size_t bytes = 0;
  for (const PythonCode& code : snapshot.python_codes) bytes += code.function.size();
  EXPECT_LE(bytes, 64U << 20);
}

// Native frames get their names from a module's file; here they are put in by hand.
class Merging : public testing::Test {
 protected:
  Merging() {
    snapshot_.modules.assign(1, {});
    snapshot_.python_codes.assign(1, {});
    snapshot_.nodes.assign(1, {});
    snapshot_.process.python_version = "3.11.2";
  }
  uint32_t python(uint32_t parent, const std::string& function, bool entry,
                  NodeKind kind = NodeKind::kPython) {
    PythonCode code;
    code.function = function;
    code.file = function + ".py";
    code.first_line = 5;
    snapshot_.python_codes.push_back(code);
    StackNode node;
    node.parent = parent;
    node.kind = kind;
    node.entry = entry;
    node.code = static_cast<uint32_t>(snapshot_.python_codes.size() - 1);
    snapshot_.nodes.push_back(node);
    return static_cast<uint32_t>(snapshot_.nodes.size() - 1);
  }
  uint32_t native(const std::vector<std::string>& leaf_first) {
    uint32_t parent = 0;
    for (auto name = leaf_first.rbegin(); name != leaf_first.rend(); ++name) {
      StackNode node;
      node.parent = parent;
      node.pc = *name == "cut" ? 1 : *name == "object" ? 3 : 0x10000 + 16 * names_.size();
      parent = static_cast<uint32_t>(snapshot_.nodes.size());
      snapshot_.nodes.push_back(node);
      names_.emplace_back(parent, *name);
    }
    return parent;
  }
  SiteStack stack_of(uint32_t native, uint32_t python) {
    symbolizer_ = std::make_unique<Symbolizer>(snapshot_);
    for (const auto& [node, name] : names_) {
      // The frames are the symbolizer's own: they are not const objects.
      auto& frame = const_cast<Frame&>(symbolizer_->frames_of(node).back());
      frame.function = name;
      frame.module = name.starts_with("_Py") || name.starts_with("Py") ? "/lib/python" : "/lib/c";
    }
    Site site;
    site.native = native;
    site.python = python;
    return symbolizer_->stack_of(site);
  }
  static std::vector<std::string> names(const std::vector<const Frame*>& frames) {
    std::vector<std::string> result;
    for (const Frame* frame : frames) result.push_back(frame->function);
    return result;
  }
  using Names = std::vector<std::string>;
  static constexpr const char* kLoop = "_PyEval_EvalFrameDefault";

  Snapshot snapshot_;
  std::vector<std::pair<uint32_t, std::string>> names_;
  std::unique_ptr<Symbolizer> symbolizer_;
};

TEST_F(Merging, EachCallOfTheLoopIsItsGroup) {
  const uint32_t leaf = python(python(python(0, "main", true), "a", true), "b", false);
  const uint32_t stack = native({"malloc", "PyList_New", kLoop, "qsort", "Py_Call",
                                 std::string(kLoop) + ".cold", "Py_Main", "main_c"});
  const SiteStack merged = stack_of(stack, leaf);
  EXPECT_EQ(merged.python, PythonPart::kMerged);
  EXPECT_EQ(names(merged.frames), (Names{"malloc", "PyList_New", "b", "a", "qsort", "Py_Call",
                                         "main", "Py_Main", "main_c"}));
  EXPECT_EQ(names(without_interpreter(merged)), (Names{"malloc", "b", "a", "qsort", "main"}));
  EXPECT_EQ(responsible_frame(merged)->function, "b");
  EXPECT_EQ(responsible_frame(merged)->line, 5U);
}

TEST_F(Merging, AGroupWithoutFramesStaysALoop) {
  const uint32_t leaf = python(python(0, "main", true), "nothing", true, NodeKind::kEmptyGroup);
  const SiteStack merged = stack_of(native({"malloc", kLoop, "PyX", kLoop}), leaf);
  EXPECT_EQ(merged.python, PythonPart::kMerged);
  EXPECT_EQ(names(merged.frames), (Names{"malloc", kLoop, "PyX", "main"}));
}

TEST_F(Merging, OuterCallsOfAnotherInterpreter) {
  const SiteStack merged =
      stack_of(native({"malloc", kLoop, "PyRun", kLoop}), python(0, "inside", true));
  EXPECT_EQ(merged.python, PythonPart::kIncomplete);
  EXPECT_EQ(names(merged.frames), (Names{"malloc", "inside", "PyRun", kLoop}));
  EXPECT_EQ(names(without_interpreter(merged)), (Names{"malloc", "inside"}));
}

TEST_F(Merging, MoreGroupsThanCalls) {
  const uint32_t leaf = python(python(0, "main", true), "a", true);
  const SiteStack both = stack_of(native({"malloc", kLoop, "main_c"}), leaf);
  EXPECT_EQ(both.python, PythonPart::kSeparate);
  EXPECT_EQ(names(both.frames), (Names{"malloc", kLoop, "main_c", "a", "main"}));
  const SiteStack cut = stack_of(native({"malloc", kLoop, "cut"}), leaf);
  EXPECT_EQ(cut.python, PythonPart::kIncomplete);
  EXPECT_EQ(names(cut.frames), (Names{"malloc", "a", "cut", "main"}));
}

TEST_F(Merging, Object) {
  const uint32_t leaf = python(python(0, "main", true), "a", true);
  const SiteStack stack = stack_of(native({"PyBytes_FromStringAndSize", "object"}), leaf);
  EXPECT_EQ(stack.python, PythonPart::kObject);
  EXPECT_EQ(names(stack.frames), (Names{"PyBytes_FromStringAndSize", "a", "main"}));
  EXPECT_EQ(names(without_interpreter(stack)), names(stack.frames));
  EXPECT_EQ(responsible_frame(stack)->function, "a");
}

TEST_F(Merging, NoPython) {
  const SiteStack stack = stack_of(native({"malloc", kLoop}), 0);
  EXPECT_EQ(stack.python, PythonPart::kNone);
  EXPECT_EQ(names(without_interpreter(stack)), (Names{"malloc", kLoop}));
  EXPECT_EQ(responsible_frame(stack)->function, kLoop);
  EXPECT_EQ(responsible_frame(SiteStack()), nullptr);
}

TEST(PythonModules, AreWhatWasInstalled) {
  const auto module = [](const std::string& file) {
    Frame frame;
    frame.kind = FrameKind::kPython;
    frame.file = file;
    return module_of(frame);
  };
  EXPECT_EQ(module("/usr/lib/python3.11/json/decoder.py"), "json");
  EXPECT_EQ(module("/usr/lib/python3.11/threading.py"), "threading");
  EXPECT_EQ(module("/v/lib/python3.11/site-packages/numpy/core/a.py"), "numpy");
  EXPECT_EQ(module("/usr/lib/python3/dist-packages/six.py"), "six");
  EXPECT_EQ(module("/srv/app/server.py"), "server");
  EXPECT_EQ(module("<frozen importlib._bootstrap>"), "importlib");
  EXPECT_EQ(module("<string>"), "string");
}

}  // namespace
}  // namespace mla
