#include "stacks/python_runtime.h"

#include <algorithm>
#include <array>
#include <regex>

#include "stacks/python_objects.h"
#include "symbols/elf_file.h"
#include "symbols/symbol_table.h"

namespace mla {

namespace {

constexpr uint16_t kVersion312 = 0x030c;
constexpr uint16_t kVersion313 = 0x030d;
constexpr uint64_t kBasicSizeAt = 32;  // PyTypeObject::tp_basicsize
constexpr uint64_t kTypeAt = 8;
constexpr size_t kMostInterpreters = 1024;
constexpr size_t kMostThreads = 65536;
constexpr uint64_t kMostDataBytes = 16 << 20;
constexpr uint64_t kLockBytes = 128;  // of 2.7's GIL: a semaphore, or a mutex and a condition

const std::vector<std::string>& wanted_symbols() {
  static const std::vector<std::string> kNames{
      "_PyRuntime",      "Py_Version",     "PyCode_Type",
      "PyType_Type",     "PyUnicode_Type", "PyBytes_Type",
      "PyString_Type",   "interp_head",    "_PyThreadState_Current",
      "interpreter_lock"};
  return kNames;
}

bool may_be_python(const ModuleInfo& info) {
  return info.path.starts_with('/') && !info.path.ends_with(".mla");
}

// PY_VERSION_HEX: major, minor, micro, level:4 serial:4.
std::string text_of_version(uint64_t number) {
  const auto part = [number](unsigned shift) { return std::to_string(number >> shift & 0xff); };
  std::string text = part(24) + "." + part(16) + "." + part(8);
  const uint64_t level = number >> 4 & 15;
  if (level < 15) {
    text += level == 10 ? "a" : level == 11 ? "b" : "rc";
    text += std::to_string(number & 15);
  }
  return text;
}

}  // namespace

const PythonThread* PythonStacks::find(uint64_t thread_pointer) const {
  const auto found = std::find_if(threads.begin(), threads.end(), [&](const PythonThread& t) {
    return t.thread_pointer == thread_pointer;
  });
  return found == threads.end() ? nullptr : &*found;
}

std::optional<PythonRuntime> PythonRuntime::find(const std::vector<LoadedModule>& modules,
                                                 ProcessMemory& memory) {
  for (const LoadedModule& module : modules) {
    if (!may_be_python(module.info)) continue;
    const auto& info = module.info;
    const auto file = ElfFile::open(info.file.empty() ? info.path : info.file);
    if (!file || (!info.build_id.empty() && file->build_id() != info.build_id)) continue;
    PythonRuntime runtime;
    runtime.symbols_ = symbol_addresses(*file, wanted_symbols());
    if (runtime.symbols_.count("PyCode_Type") == 0) continue;
    for (auto& [name, address] : runtime.symbols_) address += info.bias;
    runtime.settle(module, memory);
    return runtime;
  }
  return std::nullopt;
}

uint64_t PythonRuntime::address_of(const std::string& symbol) const {
  const auto found = symbols_.find(symbol);
  return found == symbols_.end() ? 0 : found->second;
}

void PythonRuntime::settle(const LoadedModule& module, ProcessMemory& memory) {
  problem_ = "its version could not be found";
  if (!read_version(module, memory)) return;
  layout_ = format::find_python_layout(version_.c_str());
  problem_ = "its version is not one whose frames mla knows";
  if (layout_ == nullptr) return;
  uint64_t size = 0;
  uint64_t type = 0;
  const uint64_t code = address_of("PyCode_Type");
  problem_ = "its build lays out objects in another way";
  if (!memory.load(code + kTypeAt, type) || type != address_of("PyType_Type") ||
      !memory.load(code + kBasicSizeAt, size) || size != layout_->code_size) {
    return;
  }
  if (!read_threads_layout(memory)) return;
  problem_.clear();
}

// A variable since 3.11; before, the text that Py_GetVersion makes at the start and keeps.
bool PythonRuntime::read_version(const LoadedModule& module, ProcessMemory& memory) {
  uint64_t number = 0;
  if (address_of("Py_Version") != 0 && memory.load(address_of("Py_Version"), number)) {
    version_ = text_of_version(number);
    return true;
  }
  static const std::regex kVersion(
      R"(([23]\.\d{1,2}\.\d{1,3}[a-z0-9]{0,4})\+? \([^()\n]{1,80}\) )");
  constexpr uint64_t kPage = ProcessMemory::kPageBytes;
  for (const LoadedModule::Range& data : module.data) {
    std::string text;
    for (uint64_t at = data.start / kPage * kPage; at < data.end && text.size() < kMostDataBytes;
         at += kPage) {
      std::array<char, kPage> page{};  // zeros for what cannot be read
      memory.read(at, page.data(), page.size());
      text.append(page.data(), page.size());
    }
    std::smatch match;
    // Text is rare among data: only what follows "3." and the like is looked at.
    for (const char* major : {"3.", "2."}) {
      for (size_t at = text.find(major); at != std::string::npos; at = text.find(major, at + 1)) {
        const std::string piece = text.substr(at, 128);
        if (std::regex_search(piece, match, kVersion, std::regex_constants::match_continuous)) {
          version_ = match[1];
          return true;
        }
      }
    }
  }
  return false;
}

bool PythonRuntime::read_threads_layout(ProcessMemory& memory) {
  if (layout_->version >= kVersion313) {
    std::array<uint64_t, format::kPublishedWords> words{};
    if (!memory.load(address_of("_PyRuntime"), words) ||
        !format::agrees_with_published(words.data(), *layout_)) {
      return false;
    }
    threads_ = {words[format::kPublishedFirstInterpreter], words[format::kPublishedNextInterpreter],
                words[format::kPublishedFirstThread], words[format::kPublishedNextThread],
                words[format::kPublishedGil]};
    return true;
  }
  const format::PythonThreadsLayout* table = format::find_python_threads_layout(layout_->version);
  if (table == nullptr) return false;
  threads_ = {table->first_interpreter, table->next_interpreter, table->first_thread,
              table->next_thread, table->gil};
  problem_ = "it does not say where its threads are";
  return layout_->version < 0x0300 ? address_of("interp_head") != 0 : address_of("_PyRuntime") != 0;
}

PythonStacks PythonRuntime::read(ProcessMemory& memory) const {
  PythonStacks stacks;
  if (!problem_.empty()) return stacks;
  const bool is_python2 = layout_->version < 0x0300;
  const PythonTypeAddresses types{address_of("PyCode_Type"),
                                  address_of(is_python2 ? "PyString_Type" : "PyUnicode_Type"),
                                  address_of(is_python2 ? "PyString_Type" : "PyBytes_Type")};
  PythonObjects objects(memory, *layout_, types, stacks.codes);
  const uint64_t runtime = address_of("_PyRuntime");

  // The thread state that has the GIL; the range of the GIL is remembered.
  const auto holder_of = [&](uint64_t gil) {
    uint64_t holder = 0;
    int32_t locked = 0;
    stacks.gils.push_back({gil, gil + format::kGilBytes});
    if (!memory.load(gil + format::kGilHolder, holder) ||
        !memory.load(gil + format::kGilLocked, locked) || locked != 1) {
      return uint64_t{0};
    }
    return holder;
  };
  uint64_t holder = 0;
  if (is_python2) {
    uint64_t lock = 0;
    memory.load(address_of("_PyThreadState_Current"), holder);
    if (memory.load(address_of("interpreter_lock"), lock) && lock != 0) {
      stacks.gils.push_back({lock, lock + kLockBytes});
    }
  } else if (layout_->version < kVersion312) {
    holder = holder_of(runtime + threads_.gil);
  }

  uint64_t interpreter = 0;
  memory.load(is_python2 ? address_of("interp_head") : runtime + threads_.first_interpreter,
              interpreter);
  size_t seen = 0;
  for (size_t i = 0; interpreter != 0 && i < kMostInterpreters; ++i) {
    if (layout_->version >= kVersion312) {
      uint64_t gil = 0;
      if (memory.load(interpreter + threads_.gil, gil) && gil != 0) holder = holder_of(gil);
    }
    uint64_t state = 0;
    if (!memory.load(interpreter + threads_.first_thread, state)) break;
    for (; state != 0 && seen < kMostThreads; ++seen) {
      uint64_t id = 0;
      if (!memory.load(state + layout_->thread_id, id)) break;
      auto thread = std::find_if(stacks.threads.begin(), stacks.threads.end(),
                                 [id](const PythonThread& t) { return t.thread_pointer == id; });
      if (thread == stacks.threads.end()) {
        thread = stacks.threads.insert(thread, PythonThread{});
        thread->thread_pointer = id;
      }
      thread->holds_gil |= state == holder;
      objects.add_frames(state, *thread);
      if (!memory.load(state + threads_.next_thread, state)) break;
    }
    if (!memory.load(interpreter + threads_.next_interpreter, interpreter)) break;
  }
  return stacks;
}

}  // namespace mla
