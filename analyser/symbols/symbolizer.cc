#include "symbols/symbolizer.h"

#include <algorithm>
#include <optional>

#include "reader/names.h"
#include "symbols/debug_files.h"
#include "symbols/demangle.h"
#include "symbols/dwarf_index.h"
#include "symbols/python_lines.h"
#include "symbols/symbol_table.h"

namespace mla {

namespace {

constexpr uint64_t kFirstAddress = 0x1000;  // below it: marks, see format::PcMark

}  // namespace

class Symbolizer::Module {
 public:
  Module(const ModuleInfo& info, const std::vector<std::string>& directories)
      : files_(open_module_files(info, directories)) {
    for (const ElfFile* file : {files_.debug.get(), files_.main.get()}) {
      if (file != nullptr && symbols_.empty()) symbols_ = SymbolTable(*file);
    }
    ElfFile* file = files_.with_dwarf();
    if (file != nullptr && file->dwarf() != nullptr) dwarf_.emplace(file->dwarf());
  }

  const std::string& warning() const { return files_.warning; }

  std::vector<Frame> frames_at(uint64_t address) {
    const std::string symbol = demangle(symbols_.name_at(address));
    std::vector<Frame> frames;
    if (dwarf_) frames = dwarf_->frames_at(address, symbol);
    if (frames.empty()) {
      frames.emplace_back();
      frames.back().function = symbol;
    }
    return frames;
  }

 private:
  ModuleFiles files_;
  SymbolTable symbols_;
  std::optional<DwarfIndex> dwarf_;
};

Symbolizer::Symbolizer(const Snapshot& snapshot, SymbolOptions options)
    : snapshot_(snapshot),
      directories_(std::move(options.debug_directories)),
      modules_(snapshot.modules.size()),
      of_node_(snapshot.nodes.size(), nullptr) {
  directories_.emplace_back("/usr/lib/debug");
}

Symbolizer::~Symbolizer() = default;

void Symbolizer::take_files_of(Symbolizer& before) {
  const auto same = [](const ModuleInfo& a, const ModuleInfo& b) {
    return a.path == b.path && a.file == b.file && a.build_id == b.build_id;
  };
  const std::vector<ModuleInfo>& theirs = before.snapshot_.modules;
  for (size_t i = 0; i < before.modules_.size(); ++i) {
    if (!before.modules_[i]) continue;
    // Modules are only added, so it is mostly in the same place.
    const std::vector<ModuleInfo>& ours = snapshot_.modules;
    size_t at = i;
    if (at >= ours.size() || !same(ours[at], theirs[i])) {
      at = static_cast<size_t>(std::find_if(ours.begin(), ours.end(),
                                            [&](const auto& m) { return same(m, theirs[i]); }) -
                               ours.begin());
    }
    if (at < ours.size()) modules_[at] = std::move(before.modules_[i]);
  }
}

Symbolizer::Module& Symbolizer::module(uint32_t index) {
  std::unique_ptr<Module>& module = modules_[index];
  if (!module) {
    module = std::make_unique<Module>(snapshot_.modules[index], directories_);
    if (!module->warning().empty()) warnings_.push_back(module->warning());
  }
  return *module;
}

const std::vector<Frame>& Symbolizer::python_frames_of(const StackNode& at) {
  const auto [entry, added] = python_frames_.try_emplace({at.code, at.pc});
  if (added) {
    const PythonCode& code = snapshot_.python_codes[at.code];
    Frame& frame = entry->second.emplace_back();
    frame.function = at.code == 0 ? "[Python function without a record]" : code.function;
    frame.file = code.file;
    if (at.code != 0) frame.line = python_line(code, at.pc);
    if (at.code != 0) frame.function_line = code.first_line;
    frame.kind = FrameKind::kPython;
    frame.pc = at.pc;
  }
  return entry->second;
}

const std::vector<Frame>& Symbolizer::frames_of(uint32_t node) {
  static const std::vector<Frame> kNone;
  if (node == 0 || node >= of_node_.size()) return kNone;
  if (of_node_[node] != nullptr) return *of_node_[node];
  const StackNode& at = snapshot_.nodes[node];
  if (at.kind != NodeKind::kNative) {
    of_node_[node] = &python_frames_of(at);
    return *of_node_[node];
  }
  const bool mark = at.pc < kFirstAddress;
  // A return address may be the first of the next line, or of the next function.
  const uint64_t asked = mark || at.exact_pc ? at.pc : at.pc - 1;
  const auto [entry, added] = frames_.try_emplace({at.module, asked});
  std::vector<Frame>& frames = entry->second;
  if (added) {
    if (at.module != 0 && !mark) {
      const ModuleInfo& info = snapshot_.modules[at.module];
      frames = module(at.module).frames_at(asked - info.bias);
      for (Frame& frame : frames) {
        frame.module = info.path;
        frame.pc = at.pc;
        frame.module_offset = asked - info.bias;
      }
    } else {
      Frame& frame = frames.emplace_back();
      if (mark) frame.function = mark_name(at.pc);
      frame.pc = at.pc;
    }
  }
  of_node_[node] = &frames;
  return frames;
}

std::vector<const Frame*> Symbolizer::stack_of(uint32_t leaf) {
  std::vector<const Frame*> stack;
  for (uint32_t node = leaf; node != 0; node = snapshot_.nodes[node].parent) {
    for (const Frame& frame : frames_of(node)) stack.push_back(&frame);
  }
  return stack;
}

}  // namespace mla
