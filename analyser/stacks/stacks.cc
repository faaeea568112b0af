#include "stacks/stacks.h"

#include <algorithm>
#include <optional>

#include "format/format.h"
#include "reader/error.h"
#include "stacks/core_file.h"
#include "stacks/live_process.h"
#include "stacks/unwinder.h"

namespace mla {

namespace {

class Builder {
 public:
  Builder(ProcessStacks& result, const std::vector<LoadedModule>& modules)
      : result_(result), snapshot_(result.snapshot) {
    snapshot_.modules.emplace_back();
    for (const LoadedModule& module : modules) snapshot_.modules.push_back(module.info);
    snapshot_.nodes.emplace_back();
  }

  uint32_t add_native(const NativeStack& stack) {
    uint32_t node = 0;
    if (!stack.complete) {
      const bool deep = stack.frames.size() == Unwinder::kMostFrames;
      node = add_mark(deep ? format::PcMark::kTruncated : format::PcMark::kIncomplete);
    }
    for (auto frame = stack.frames.rbegin(); frame != stack.frames.rend(); ++frame) {
      StackNode at;
      at.pc = frame->pc;
      at.exact_pc = frame->exact;
      at.module = module_at(frame->pc);
      at.parent = node;
      node = add(at);
    }
    return node;
  }

  uint32_t add_python(const PythonThread& thread) {
    uint32_t node = thread.complete ? 0 : add_mark(format::PcMark::kIncomplete);
    for (auto frame = thread.frames.rbegin(); frame != thread.frames.rend(); ++frame) {
      StackNode at;
      at.pc = frame->offset;
      at.kind = frame->empty_group ? NodeKind::kEmptyGroup : NodeKind::kPython;
      at.entry = frame->entry;
      at.code = frame->code;
      at.parent = node;
      node = add(at);
    }
    return node;
  }

 private:
  uint32_t add(const StackNode& node) {
    snapshot_.nodes.push_back(node);
    return static_cast<uint32_t>(snapshot_.nodes.size() - 1);
  }
  uint32_t add_mark(format::PcMark mark) {
    StackNode node;
    node.pc = static_cast<uint64_t>(mark);
    return add(node);
  }
  uint32_t module_at(uint64_t pc) const {
    for (uint32_t i = 1; i < snapshot_.modules.size(); ++i) {
      if (pc >= snapshot_.modules[i].start && pc < snapshot_.modules[i].end) return i;
    }
    return 0;
  }

  ProcessStacks& result_;
  Snapshot& snapshot_;
};

void check_tids(const std::vector<TargetThread>& threads, const std::set<uint32_t>& tids) {
  for (const uint32_t tid : tids) {
    if (std::none_of(threads.begin(), threads.end(),
                     [tid](const TargetThread& t) { return t.tid == tid; })) {
      throw Error("thread " + std::to_string(tid), "the process has none of this number",
                  "leave --threads out to see those it has");
    }
  }
}

// After the process goes on: from what was copied.
void build(ProcessStacks& result, const std::vector<LoadedModule>& modules, ProcessMemory& memory,
           std::vector<TargetThread>& threads, const std::optional<PythonRuntime>& python,
           PythonStacks python_stacks, const std::set<uint32_t>& tids) {
  check_tids(threads, tids);
  std::sort(threads.begin(), threads.end(),
            [](const TargetThread& a, const TargetThread& b) { return a.tid < b.tid; });
  if (python) {
    result.snapshot.process.python_version = python->version();
    if (!python->problem().empty()) {
      const std::string version = python->version().empty() ? "" : " " + python->version();
      result.notes.push_back("Python" + version + ": " + python->problem() +
                             ": stacks are native only");
    }
  }
  Builder builder(result, modules);
  Unwinder unwinder(result.snapshot.process.pid, modules, memory);
  for (const TargetThread& thread : threads) {
    if (!tids.empty() && tids.count(thread.tid) == 0) continue;
    ThreadStack stack;
    stack.tid = thread.tid;
    stack.name = thread.name;
    stack.state = state_of(thread, python_stacks);
    if (stack.state.activity != Activity::kRunning) stack.wait_channel = thread.wait_channel;
    if (thread.registers) {
      stack.stack.native = builder.add_native(unwinder.unwind(*thread.registers));
      if (const PythonThread* found = python_stacks.find(thread.registers->thread_pointer)) {
        stack.holds_gil = found->holds_gil;
        // Who has it just now may wait for a mutex of it, as it is handed over.
        const bool has_it = found->holds_gil && stack.state.activity == Activity::kGil;
        if (has_it) stack.state.activity = Activity::kLock;
        stack.stack.python = builder.add_python(*found);
      }
    }
    result.threads.push_back(std::move(stack));
  }
  result.snapshot.python_codes = std::move(python_stacks.codes);
}

}  // namespace

ProcessStacks read_stacks(pid_t pid, const std::set<uint32_t>& tids) {
  LiveProcess process(pid);
  const std::optional<PythonRuntime> python =
      PythonRuntime::find(process.modules(), process.memory());
  ProcessStacks result;
  result.snapshot.process.pid = static_cast<uint32_t>(process.pid());
  result.snapshot.process.exe = process.executable();
  result.snapshot.process.argv = process.arguments();
  PythonStacks python_stacks;
  LiveProcess::Moment moment = process.look([&] {
    if (python) python_stacks = python->read(process.memory());
  });
  result.stopped_s = moment.stopped_s;
  if (moment.out_of_time) {
    result.notes.push_back("not all could be copied within " +
                           std::to_string(LiveProcess::kMostStoppedMs) +
                           " ms: some frames are missing");
  }
  build(result, process.modules(), process.memory(), moment.threads, python,
        std::move(python_stacks), tids);
  return result;
}

ProcessStacks read_core_stacks(const std::string& core, const std::string& executable,
                               const std::set<uint32_t>& tids) {
  CoreFile file(core, executable);
  const std::optional<PythonRuntime> python = PythonRuntime::find(file.modules(), file.memory());
  ProcessStacks result;
  result.core = core;
  result.signal = file.signal();
  result.snapshot.process.pid = file.pid();
  result.snapshot.process.exe = file.executable();
  result.snapshot.process.argv = {file.command()};
  PythonStacks python_stacks;
  if (python) python_stacks = python->read(file.memory());
  build(result, file.modules(), file.memory(), file.threads(), python, std::move(python_stacks),
        tids);
  return result;
}

}  // namespace mla
