#include "symbols/symbolizer.h"

#include <algorithm>
#include <numeric>
#include <thread>
#include <tuple>

#include "reader/names.h"
#include "symbols/module_symbols.h"
#include "symbols/python_lines.h"

namespace mla {

namespace {

constexpr uint64_t kFirstAddress = 0x1000;  // below it: marks, see format::PcMark

unsigned usual_threads() {
  // More open each module once more each, for a share of the addresses that gets smaller.
  constexpr unsigned kMost = 8;
  return std::clamp(std::thread::hardware_concurrency(), 1U, kMost);
}

bool is_mark(const StackNode& at) { return at.pc < kFirstAddress; }

}  // namespace

Symbolizer::Symbolizer(const Snapshot& snapshot, SymbolOptions options)
    : snapshot_(snapshot),
      options_(std::move(options)),
      modules_(snapshot.modules.size()),
      warned_(snapshot.modules.size()),
      of_node_(snapshot.nodes.size(), nullptr) {
  options_.debug_directories.emplace_back("/usr/lib/debug");
  if (options_.threads == 0) options_.threads = usual_threads();
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

Symbolizer::Code Symbolizer::code_of(const StackNode& at) const {
  // A return address may be the first of the next line, or of the next function.
  return {at.module, is_mark(at) || at.exact_pc ? at.pc : at.pc - 1};
}

void Symbolizer::warn(uint32_t module, const std::string& warning) {
  if (!warning.empty() && !warned_[module]) warnings_.push_back(warning);
  warned_[module] = true;
}

std::vector<Frame> Symbolizer::frames_at(const Code& code, uint64_t pc) {
  std::unique_ptr<ModuleSymbols>& module = modules_[code.module];
  if (!module) {
    module =
        std::make_unique<ModuleSymbols>(snapshot_.modules[code.module], options_.debug_directories);
    warn(code.module, module->warning());
  }
  std::vector<Frame> frames = module->frames_of(code.asked, pc);
  if (options_.progress) options_.progress(frames_.size(), 0);
  return frames;
}

void Symbolizer::prepare(const std::function<bool(const Site&)>& wanted) {
  // Of millions of nodes each is looked up once, here.
  DistinctKeys<Code> known;
  std::vector<CodeAddress> addresses;
  std::vector<std::pair<uint32_t, uint32_t>> nodes;  // with the index of its address
  std::vector<bool> seen(snapshot_.nodes.size());
  for (const Site& site : snapshot_.sites) {
    if (!wanted(site)) continue;
    for (uint32_t node = site.native; node != 0 && !seen[node];
         node = snapshot_.nodes[node].parent) {
      seen[node] = true;
      const StackNode& at = snapshot_.nodes[node];
      if (at.kind != NodeKind::kNative || at.module == 0 || is_mark(at)) continue;
      const Code code = code_of(at);
      if (of_node_[node] != nullptr || (!frames_.empty() && frames_.contains(code))) continue;
      const uint32_t index = known.number_of(code);
      if (index == addresses.size()) addresses.push_back({code.module, code.asked, at.pc});
      nodes.emplace_back(node, index);
    }
  }
  std::vector<uint32_t> order(addresses.size());
  std::iota(order.begin(), order.end(), 0U);
  std::sort(order.begin(), order.end(), [&addresses](uint32_t a, uint32_t b) {
    return std::tie(addresses[a].module, addresses[a].asked) <
           std::tie(addresses[b].module, addresses[b].asked);
  });
  std::vector<CodeAddress> sorted;
  sorted.reserve(order.size());
  for (const uint32_t index : order) sorted.push_back(addresses[index]);
  SymbolBatch batch = symbolise(snapshot_.modules, options_.debug_directories, sorted,
                                options_.threads, options_.progress);
  frames_.reserve(frames_.size() + sorted.size());
  std::vector<const std::vector<Frame>*> found(sorted.size());
  for (size_t i = 0; i < sorted.size(); ++i) {
    const Code code{sorted[i].module, sorted[i].asked};
    found[order[i]] = &frames_.emplace(code, std::move(batch.frames[i])).first->second;
  }
  for (const auto& [node, index] : nodes) of_node_[node] = found[index];
  for (uint32_t module = 0; module < batch.warnings.size(); ++module) {
    if (!batch.warnings[module].empty()) warn(module, batch.warnings[module]);
  }
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
  const Code code = code_of(at);
  const auto [entry, added] = frames_.try_emplace(code);
  std::vector<Frame>& frames = entry->second;
  if (added && at.module != 0 && !is_mark(at)) {
    frames = frames_at(code, at.pc);
  } else if (added) {
    Frame& frame = frames.emplace_back();
    if (is_mark(at)) frame.function = mark_name(at.pc);
    frame.pc = at.pc;
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
